import type { NatsLink, StreamKind } from '@myelin/state-stream';
import { decideRecovery, type RecoveryScope } from './recovery.ts';
import { stateScript } from './script.ts';
import { recoveryLua, restore, standing } from './scripts/recovery.lua.ts';
import type { Recovery, ScriptRunner } from './store.ts';
import { WholeBuckets } from './whole-buckets.ts';

/** What a recovery from buckets needs. */
export interface BucketRecoveryOptions<Row> {
  readonly scope: RecoveryScope;
  readonly kinds: readonly StreamKind<Row>[];
  readonly nats: NatsLink;
}

const scripts = { standing: stateScript(standing, recoveryLua), restore: stateScript(restore, recoveryLua) };

/** Brings rows back that nobody else knows: from whole buckets, or, where an operator gave them up, none of a kind that has none (design C4). */
export class BucketRecovery<Row> implements Recovery {
  readonly scope: RecoveryScope;
  readonly #kinds: readonly StreamKind<Row>[];
  readonly #buckets: WholeBuckets;

  constructor({ scope, kinds, nats }: BucketRecoveryOptions<Row>) {
    this.scope = scope;
    this.#kinds = kinds;
    this.#buckets = new WholeBuckets(nats);
  }

  async attempt(incarnation: bigint, run: ScriptRunner): Promise<string | null> {
    const [word, accepted] = await run(scripts.standing, this.scope);
    if (word === 'over') return null;
    const found = await Promise.all(this.#kinds.map((kind) => this.#buckets.rowsOf(kind, incarnation)));
    const decision = decideRecovery({
      incarnation,
      isWhole: !found.includes(null),
      isAccepted: accepted === '1',
      presenters: null,
    });
    if (decision.does === 'wait') return decision.problem;
    const rows = this.#kinds.flatMap((kind, i) =>
      (found[i] ?? []).flatMap(({ key, row }) => (row === null ? [] : [kind.name, key, JSON.stringify(row)])),
    );
    await run(scripts.restore, this.scope, ...rows);
    return null;
  }
}
