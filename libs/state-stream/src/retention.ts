import type { Revision } from '@myelin/contracts/types';

/** Tombstones live an hour in a bucket (design C2). */
export const tombstonesLiveMs = 60 * 60_000;

/** Whether reading may go on where it was, `silentMs` after the last word: after half of the tombstones' time everything is read again. */
export function mayResume(silentMs: number): boolean {
  return silentMs <= tombstonesLiveMs / 2;
}

/** Says which tombstones a consumer may forget: no bucket holds those of more than an hour ago, so nothing older can come after them. */
export class TombstoneMemory {
  #mark: { readonly atMs: number; readonly revision: Revision } | null = null;

  /** To be called now and then. Returns the revision up to which they may be forgotten; null for none. */
  expired(nowMs: number, reached: Revision | null): Revision | null {
    const mark = this.#mark;
    const isOld = mark !== null && nowMs - mark.atMs > tombstonesLiveMs;
    if (mark === null || isOld) this.#mark = reached === null ? null : { atMs: nowMs, revision: reached };
    return isOld ? mark.revision : null;
  }
}
