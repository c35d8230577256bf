import type { Claim, KnownRow, RecoveryPlan } from '@myelin/identity-recovery';
import { compareRevisions } from '@myelin/revision';
import type { NodeRow } from './registry-types.ts';

export type RecoveryKind = 'identities' | 'endpoints' | 'nodes';
export type Plan = RecoveryPlan<NodeRow>;

/** A row or (null) a removal that a node presents, as the stream has it. */
export interface PresentedRow {
  readonly kind: RecoveryKind;
  readonly key: string;
  readonly known: KnownRow<unknown>;
}

/** What was presented. `version`: raised by each that is. */
export interface Gathered {
  readonly elapsedMs: number;
  readonly version: number;
  readonly rows: ReadonlyMap<RecoveryKind, ReadonlyMap<string, KnownRow<unknown>>>;
  readonly claims: ReadonlyMap<string, readonly Claim[]>;
}

interface Surroundings {
  /** Redis' clock. */
  readonly nowMs: () => number;
  readonly open: (incarnation: bigint) => void;
  readonly finish: (plan: Plan) => void;
}

/** A Redis that has lost its rows, with the scripts of apps/identity-allocator that bring them back: each method is one script. It ends when the rows are back, or with the next loss. */
export class RecoveryModel {
  readonly #around: Surroundings;
  #incarnation: bigint | null = null;
  #isOver = false;
  #sinceMs: number | null = null;
  #version = 0;
  readonly #rows = new Map<RecoveryKind, Map<string, KnownRow<unknown>>>([
    ['identities', new Map()],
    ['endpoints', new Map()],
    ['nodes', new Map()],
  ]);
  readonly #claims = new Map<string, readonly Claim[]>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The incarnation that was opened after the loss; null: none yet. */
  get incarnation(): bigint | null {
    return this.#incarnation;
  }

  get claimants(): ReadonlySet<string> {
    return new Set(this.#claims.keys());
  }

  /** Redis has been emptied again: what is said to this life of it comes to nothing. */
  end(): void {
    this.#isOver = true;
  }

  open(greatest: bigint): void {
    if (this.#isOver || this.#incarnation !== null) return;
    const time = BigInt(this.#around.nowMs());
    this.#raise(time > greatest ? time : greatest + 1n);
  }

  /** `claims` null: there is more to come. False where the rows are back. */
  present(node: string, rows: readonly PresentedRow[], claims: readonly Claim[] | null): boolean {
    if (this.#isOver || this.#incarnation === null) return false;
    let greatest = 0n;
    for (const { kind, key, known } of rows) {
      const before = this.#rows.get(kind)!.get(key);
      if (before === undefined || compareRevisions(known.revision, before.revision) > 0) this.#rows.get(kind)!.set(key, known);
      if (known.revision.incarnation > greatest) greatest = known.revision.incarnation;
    }
    for (const { revision } of (claims ?? []).flatMap(({ numbers }) => numbers))
      if (revision.incarnation > greatest) greatest = revision.incarnation;
    if (claims !== null) this.#claims.set(node, claims);
    this.#version++;
    if (greatest >= this.#incarnation) this.#raise(greatest + 1n);
    return true;
  }

  /** Null: the rows are back. */
  gather(): Gathered | null {
    if (this.#isOver) return null;
    const nowMs = this.#around.nowMs();
    this.#sinceMs ??= nowMs;
    const rows = new Map([...this.#rows].map(([kind, all]) => [kind, new Map(all)]));
    return { elapsedMs: nowMs - this.#sinceMs, version: this.#version, rows, claims: new Map(this.#claims) };
  }

  finish(incarnation: bigint, version: number, plan: Plan): 'ok' | 'changed' | 'over' {
    if (this.#isOver || this.#incarnation !== incarnation) return 'over';
    if (!this.isCurrent(version, this.#version)) return 'changed';
    this.#isOver = true;
    this.#around.finish(plan);
    return 'ok';
  }

  // What tests take out.

  /** Whether a plan was made with all that has been presented. */
  protected isCurrent(planned: number, present: number): boolean {
    return planned === present;
  }

  #raise(incarnation: bigint): void {
    this.#incarnation = incarnation;
    this.#around.open(incarnation);
  }
}
