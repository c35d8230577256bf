import { existsSync } from 'node:fs';
import {
  attachFilter,
  attachTcx,
  type BpfProgram,
  detachFilter,
  detachTcx,
  filterProgram,
  interfaceIndex,
  removeClsact,
  replaceTcx,
  type TcFilterPlace,
} from '@myelin/bpf-native';
import { DatapathError } from './error.ts';
import { linkPin } from './pins.ts';

/** The two programs of every endpoint: what leaves the pod comes in on the node's side of its pair, and the other way round. */
const podHooks = [
  { program: 'from_pod', direction: 'ingress' },
  { program: 'to_pod', direction: 'egress' },
] as const;

/** What a tunnel device gives comes in there; what goes into it, nobody but this node has sent. */
const tunnelHook = { program: 'from_tunnel', direction: 'ingress' } as const;

type Hook = (typeof podHooks)[number] | typeof tunnelHook;

/** Our place among clsact filters. */
const place: TcFilterPlace = { handle: 1, priority: 1 };

/** The programs, loaded. */
export type Programs = Readonly<Record<Hook['program'], BpfProgram>>;

/** How programs are attached to an interface. */
export interface Attachment {
  readonly ifindex: number;
  /** There are filters although the kernel has tcx: `moveToTcx` some time. */
  readonly isProvisional: boolean;
}

/**
 * Attaches the programs to the node's side of endpoints' pairs: by tcx where the kernel has it (6.6), else by clsact filters. A tcx link costs less per packet, but a whole RCU grace period to make,
 * with the kernel's network lock held: some 10 ms each, one after the other for the whole machine. So a new endpoint begins with filters, which run the same programs, and moves to tcx later.
 */
export class Attachments {
  readonly #bpffs: string;
  readonly #programs: Programs;
  readonly kind: 'tcx' | 'clsact';

  constructor(bpffs: string, programs: Programs, kind: 'tcx' | 'clsact') {
    this.#bpffs = bpffs;
    this.#programs = programs;
    this.kind = kind;
  }

  /**
   * Quick, best done while the interface is down. Programs that are there already are replaced in place, link by link and filter by filter (design D9).
   * Throws DatapathError `kernel` where there is no such interface.
   */
  async attach(interfaceName: string): Promise<Attachment> {
    const ifindex = interfaceIndex(interfaceName);
    if (ifindex === null) {
      throw new DatapathError('kernel', interfaceName, `there is no interface ${interfaceName} in the node's network namespace`);
    }
    let hasFilter = false;
    for (const { program, direction } of podHooks) {
      const hook = { ifindex, direction };
      const isLinked =
        this.kind === 'tcx' && (await replaceTcx(this.#programs[program], hook, linkPin(this.#bpffs, interfaceName, program)));
      if (!isLinked) await attachFilter(this.#programs[program], hook, place);
      hasFilter ||= filterProgram(hook, place) !== null;
    }
    return { ifindex, isProvisional: hasFilter && this.kind === 'tcx' };
  }

  /** Returns the index of the device that takes the outer headers off what other nodes send. It comes once a node, and may take its time; replaced in place as others. */
  async attachTunnel(interfaceName: string): Promise<number> {
    const ifindex = interfaceIndex(interfaceName);
    if (ifindex === null)
      throw new DatapathError('kernel', interfaceName, `there is no interface ${interfaceName} in the node's network namespace`);
    const { program, direction } = tunnelHook;
    const hook = { ifindex, direction };
    const pin = linkPin(this.#bpffs, interfaceName, program);
    if (this.kind === 'clsact') await attachFilter(this.#programs[program], hook, place);
    else await attachTcx(this.#programs[program], hook, pin);
    return ifindex;
  }

  /**
   * One step of a provisional attachment towards tcx, of one grace period at most; true when none is left, or the interface has gone. The link runs before the filter and its verdict is final, so a packet meets one of them, never both
   * or none. Throws BpfError: what was attached stays so.
   */
  async moveToTcx(interfaceName: string): Promise<boolean> {
    const ifindex = interfaceIndex(interfaceName);
    if (ifindex === null) return true;
    const next = podHooks.find(({ program }) => !existsSync(linkPin(this.#bpffs, interfaceName, program)));
    if (next === undefined) {
      await removeClsact(ifindex);
      return true;
    }
    const { program, direction } = next;
    await attachTcx(this.#programs[program], { ifindex, direction }, linkPin(this.#bpffs, interfaceName, program));
    return false;
  }

  /** Missing, interface or programs, is success. */
  async detach(interfaceName: string): Promise<void> {
    for (const { program } of podHooks) await detachTcx(linkPin(this.#bpffs, interfaceName, program));
    const ifindex = interfaceIndex(interfaceName);
    if (ifindex !== null) for (const { direction } of podHooks) await detachFilter({ ifindex, direction }, place);
  }
}
