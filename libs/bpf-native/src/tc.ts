import { rmSync } from 'node:fs';
import { attachTypes } from './constants.ts';
import { BpfError } from './error.ts';
import { type LinkHandle, native } from './native.ts';
import type { BpfProgram } from './program.ts';

/** The side of an interface, as seen from the network stack. */
export type TcDirection = 'ingress' | 'egress';

/** Where a program hangs on an interface of this network namespace. */
export interface TcHook {
  readonly ifindex: number;
  readonly direction: TcDirection;
}

/** Where a clsact filter sits; attaching to the same place replaces what is there. */
export interface TcFilterPlace {
  readonly handle: number;
  readonly priority: number;
}

/** What a tcx link is attached to; `ifindex` 0: its interface is gone. */
export interface TcxLinkInfo {
  readonly id: number;
  readonly programId: number;
  readonly ifindex: number;
  readonly attachType: number;
}

const attachTypeOf = { ingress: attachTypes.tcxIngress, egress: attachTypes.tcxEgress } as const;

/** A program attached by tcx (Linux 6.6). Not pinned, it is detached when the link is closed. All methods throw {@link BpfError}. */
export class TcxLink {
  readonly #handle: LinkHandle;

  private constructor(handle: LinkHandle) {
    this.#handle = handle;
  }

  /** Attaches behind the programs that are there already. The kernel lets nobody change any interface of the machine while it waits for a grace period, some 10 ms. */
  static async attach(program: BpfProgram, { ifindex, direction }: TcHook): Promise<TcxLink> {
    return new TcxLink(await native.linkCreate(program.handle, ifindex, attachTypeOf[direction]));
  }

  /** The link pinned at `path`. `ENOENT`: nothing there; `EINVAL`: not a link. */
  static openPinned(path: string): TcxLink {
    return new TcxLink(native.linkOpenPinned(path));
  }

  get info(): TcxLinkInfo {
    return native.linkInfo(this.#handle);
  }

  /** Keeps the program attached when this process ends. `EEXIST`: something is there. */
  pin(path: string): void {
    native.linkPin(this.#handle, path);
  }

  /** Puts another program in the place of this one; no packet meets neither or both. No grace period. */
  update(program: BpfProgram): Promise<void> {
    return native.linkUpdate(this.#handle, program.handle);
  }

  /** Detaches now, pinned or not; waits as `attach` does. */
  detach(): Promise<void> {
    return native.linkDetach(this.#handle);
  }

  /** Gives the descriptor back. Every use but another `close()` throws from then on. */
  close(): void {
    native.linkClose(this.#handle);
  }
}

/** Ids of the programs that tcx runs at a hook, in order. `EINVAL`: the kernel has no tcx. */
export function tcxPrograms({ ifindex, direction }: TcHook): number[] {
  return native.tcxPrograms(ifindex, attachTypeOf[direction]);
}

/**
 * Has a pinned tcx link at the hook run `program`, in place; false where there is none. A link whose interface is gone or another makes room.
 */
export async function replaceTcx(program: BpfProgram, hook: TcHook, pinPath: string): Promise<boolean> {
  const existing = openIfPinned(pinPath);
  if (existing === null) return false;
  try {
    const { ifindex, attachType } = existing.info;
    if (ifindex === hook.ifindex && attachType === attachTypeOf[hook.direction]) {
      await existing.update(program);
      return true;
    }
  } finally {
    existing.close();
  }
  rmSync(pinPath);
  return false;
}

/** Sees to it that a pinned tcx link runs `program` at the hook, and says what it took. What fails leaves nothing attached that wasn't before. */
export async function attachTcx(program: BpfProgram, hook: TcHook, pinPath: string): Promise<'attached' | 'replaced'> {
  if (await replaceTcx(program, hook, pinPath)) return 'replaced';
  const link = await TcxLink.attach(program, hook);
  try {
    link.pin(pinPath);
  } catch (error) {
    // Closing would detach, too, but make this thread wait for it.
    await link.detach();
    throw error;
  } finally {
    link.close();
  }
  return 'attached';
}

/** Removes a link that {@link attachTcx} made, and detaches its program; false when there is none. */
export async function detachTcx(pinPath: string): Promise<boolean> {
  const link = openIfPinned(pinPath);
  if (link === null) return false;
  try {
    // A link whose interface is gone has nothing to detach from.
    if (link.info.ifindex !== 0) await link.detach();
  } finally {
    link.close();
  }
  rmSync(pinPath);
  return true;
}

function openIfPinned(path: string): TcxLink | null {
  try {
    return TcxLink.openPinned(path);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Attaches by a clsact filter, making the qdisc where it is missing; a filter at the same place is replaced, without a gap. Where the interface is down no grace period is waited for. */
export function attachFilter(program: BpfProgram, { ifindex, direction }: TcHook, { handle, priority }: TcFilterPlace): Promise<void> {
  return native.filterAttach(program.handle, ifindex, direction === 'egress' ? 1 : 0, handle, priority);
}

/** Removes a filter; false when there is none. */
export function detachFilter({ ifindex, direction }: TcHook, { handle, priority }: TcFilterPlace): Promise<boolean> {
  return native.filterDetach(ifindex, direction === 'egress' ? 1 : 0, handle, priority);
}

/** Id of the program that a filter runs, null when there is none. */
export function filterProgram({ ifindex, direction }: TcHook, { handle, priority }: TcFilterPlace): number | null {
  return native.filterProgram(ifindex, direction === 'egress' ? 1 : 0, handle, priority);
}

/** Removes the clsact qdisc with all filters of both directions, others' too; false when there is none. */
export function removeClsact(ifindex: number): Promise<boolean> {
  return native.clsactRemove(ifindex);
}
