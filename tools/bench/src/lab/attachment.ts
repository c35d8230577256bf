import { basename, join } from 'node:path';
import { BpfMap } from '@myelin/bpf-native';
import { run } from '@myelin/tool-lab';

/** A program of bpf/traffic.bpf.c, and where. */
export interface AttachRequest {
  readonly program: 'redirect' | 'take';
  /** Its ingress. */
  readonly interfaceName: string;
  /** `redirect`: into the pod behind this interface of the same namespace. */
  readonly peerInterface?: string;
  /** `take`: destination port of the datagrams. */
  readonly datagramPort?: number;
}

/** The same, with where it is pinned. */
export interface PinnedRequest extends AttachRequest {
  readonly linkPin: string;
  readonly countPin: string;
}

/** The BPF file system that this process has mounted for itself. */
export const bpffs = '/sys/fs/bpf';

const pin = (netns: string, { interfaceName }: Pick<AttachRequest, 'interfaceName'>, what: string) =>
  join(bpffs, `${basename(netns).replaceAll('.', '_')}-${interfaceName}-${what}`);

/** Attaches a program in a network namespace (a file); it goes with this process' mounts. */
export async function attachIn(netns: string, request: AttachRequest): Promise<void> {
  const pinned: PinnedRequest = { ...request, linkPin: pin(netns, request, 'link'), countPin: pin(netns, request, 'count') };
  const script = join(import.meta.dirname, 'attach.ts');
  await run({ netns }, [process.execPath, script, JSON.stringify(pinned)]);
}

/** How many datagrams `take` has taken at an interface. */
export function takenAt(netns: string, interfaceName: string): number {
  const map = BpfMap.openPinned(pin(netns, { interfaceName }, 'count'));
  try {
    return Number(map.lookup(Buffer.alloc(4))!.readBigUInt64LE());
  } finally {
    map.close();
  }
}
