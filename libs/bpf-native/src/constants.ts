/** Numbers of `linux/bpf.h` that callers need by name. They are the kernel's interface and never change. */

/** `enum bpf_map_type`. */
export const mapTypes = {
  hash: 1,
  array: 2,
  programArray: 3,
  perfEventArray: 4,
  perCpuHash: 5,
  perCpuArray: 6,
  lruHash: 9,
  lruPerCpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  queue: 22,
  ringBuffer: 27,
} as const;

/** `enum bpf_prog_type`. */
export const programTypes = { socketFilter: 1, schedCls: 3, schedAct: 4, xdp: 6, tracing: 26, syscall: 31 } as const;

/** `enum bpf_attach_type`; the tcx ones are from 6.6. */
export const attachTypes = { tcxIngress: 46, tcxEgress: 47 } as const;

/** Flags of a map's creation (`BPF_F_…`). */
export const mapFlags = { noPreallocation: 1, programReadOnly: 1 << 7, mmapable: 1 << 10 } as const;

/** `enum bpf_func_id`, those that are probed. */
export const helperIds = {
  redirect: 23,
  skcLookupTcp: 99,
  skAssign: 124,
  ringBufferReserve: 131,
  redirectNeighbour: 152,
  redirectPeer: 155,
} as const;
