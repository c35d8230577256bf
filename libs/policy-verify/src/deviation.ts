import type { Direction } from '@myelin/policy-model';

/** One thing that the kernel would answer differently from the compiled policy. */
export interface Deviation {
  /** Null: not about one direction. */
  readonly direction: Direction | null;
  /** What is different: a peer and what it speaks, or a part of the policy's head. */
  readonly about: string;
  readonly expected: string;
  readonly found: string;
}
