import { attachFilter, attachTcx, type BpfProgram, detachFilter, detachTcx, interfaceIndex, type TcFilterPlace } from '@myelin/bpf-native';
import { DatapathError } from './error.ts';
import { linkPin } from './pins.ts';

/** The two programs of every endpoint: what leaves the pod comes in on the node's side of its pair, and the other way round. */
const hooks = [
  { program: 'from_pod', direction: 'ingress' },
  { program: 'to_pod', direction: 'egress' },
] as const;

/** Our place among clsact filters, where the kernel has no tcx. */
const place: TcFilterPlace = { handle: 1, priority: 1 };

/** The programs, loaded. */
export type Programs = Readonly<Record<(typeof hooks)[number]['program'], BpfProgram>>;

/** Attaches the programs to the node's side of endpoints' pairs: by tcx where the kernel has it, else by clsact filters. */
export class Attachments {
  readonly #bpffs: string;
  readonly #programs: Programs;
  readonly kind: 'tcx' | 'clsact';

  constructor(bpffs: string, programs: Programs, kind: 'tcx' | 'clsact') {
    this.#bpffs = bpffs;
    this.#programs = programs;
    this.kind = kind;
  }

  /** Returns the interface's index. Programs that are there already are replaced in place (design D9). Throws DatapathError `kernel` where there is no such interface. */
  attach(interfaceName: string): number {
    const ifindex = interfaceIndex(interfaceName);
    if (ifindex === null)
      throw new DatapathError('kernel', interfaceName, `there is no interface ${interfaceName} in the node's network namespace`);
    for (const { program, direction } of hooks) {
      const hook = { ifindex, direction };
      if (this.kind === 'tcx') attachTcx(this.#programs[program], hook, linkPin(this.#bpffs, interfaceName, program));
      else attachFilter(this.#programs[program], hook, place);
    }
    return ifindex;
  }

  /** Missing, interface or programs, is success. */
  detach(interfaceName: string): void {
    for (const { program } of hooks) detachTcx(linkPin(this.#bpffs, interfaceName, program));
    const ifindex = this.kind === 'clsact' ? interfaceIndex(interfaceName) : null;
    if (ifindex !== null) for (const { direction } of hooks) detachFilter({ ifindex, direction }, place);
  }
}
