import { type KnownRow, type KnownRows, type KnownState, mergeKnown } from '@myelin/identity-recovery';
import { decideRecovery } from '@myelin/outbox';
import { laterRevision, type Revision, zeroRevision } from '@myelin/revision';
import type { Doing, Machine, Process } from '../machine.ts';
import type { RegistryModel } from '../model/registry.ts';
import type { Gathered, Plan, RecoveryKind } from '../model/registry-recovery.ts';
import type { EndpointRow, IdentityRow, NodeRow } from '../model/registry-types.ts';
import { knownAt, type StateLog } from '../model/state-log.ts';

const waitMs = 10_000;
const againMs = 500;

/** Up to where whole buckets tell everything, as far as a replica knows. */
export type Beyond = Readonly<Partial<Record<RecoveryKind, Revision>>>;
export type Lost = KnownState<NodeRow>;

/** What recovering has around it. */
export interface RecoverySurroundings {
  readonly registry: RegistryModel;
  readonly nowMs: () => number;
  readonly isPaused: (process: Process) => boolean;
}

/** How a replica brings rows back after a loss of Redis, as adapters/recovery.ts of apps/identity-allocator does: what it waits for and what comes back is decided by libs/outbox and libs/identity-recovery. */
export class AllocatorRecovery {
  readonly machine: Machine;
  readonly #around: RecoverySurroundings;
  readonly #plan: (state: Lost) => Plan;
  #beyond: Beyond = {};
  #looksAtMs = 0;

  constructor(name: string, around: RecoverySurroundings, plan: (state: Lost) => Plan) {
    this.#around = around;
    this.#plan = plan;
    this.machine = {
      name: `${name} recovery`,
      begin: () => (around.registry.recovery === null ? null : this.#attempt()),
      answer: () => {
        this.#looksAtMs = around.nowMs() + againMs;
      },
      fail: () => {},
      describe: () => (around.registry.recovery === null ? 'the rows are back' : 'the rows are on their way back'),
    };
  }

  get beyond(): Beyond {
    return this.#beyond;
  }

  restart(): void {
    this.#beyond = {};
    this.#looksAtMs = 0;
  }

  *#attempt(): Doing<null> {
    const { registry } = this.#around;
    const { recovery } = registry;
    // What is found out holds for this loss, and for no later one.
    if (recovery === null) return null;
    if (this.#around.nowMs() < this.#looksAtMs) yield { untilMs: this.#looksAtMs };
    if (recovery.incarnation === null) {
      const greatest = this.#greatestIncarnation();
      yield undefined;
      recovery.open(greatest);
      return null;
    }
    const { incarnation } = recovery;
    const gathered = recovery.gather();
    if (gathered === null) return null;
    yield undefined;
    const plan = this.#planWith(incarnation, gathered);
    yield undefined;
    if (plan !== null) recovery.finish(incarnation, gathered.version, plan);
    return null;
  }

  #greatestIncarnation(): bigint {
    const { identities, endpoints, nodes } = this.#around.registry;
    const all = [identities, endpoints, nodes].map(({ bucket }) => bucket?.incarnation ?? 0n);
    return all.reduce((a, b) => (a > b ? a : b));
  }

  /** Null: more will be known. */
  #planWith(incarnation: bigint, { elapsedMs, rows, claims }: Gathered): Plan | null {
    const { registry } = this.#around;
    const whole = {
      identities: wholeOf(registry.identities),
      endpoints: wholeOf(registry.endpoints),
      nodes: wholeOf(registry.nodes),
    };
    this.#beyond = Object.fromEntries(Object.entries(whole).map(([kind, known]) => [kind, lastOf(known)]));
    const nodes = mergeKnown(whole.nodes, rows.get('nodes')! as KnownRows<NodeRow>);
    const decision = decideRecovery({
      incarnation,
      isWhole: whole.identities !== null && whole.endpoints !== null && whole.nodes !== null,
      isAccepted: false,
      presenters: {
        elapsedMs,
        waitMs,
        missing: [...nodes].flatMap(([name, { row }]) => (row === null || claims.has(name) ? [] : [name])),
      },
    });
    return decision.does === 'wait' ? null : this.#plan(lostOf(whole, { rows, claims }));
  }
}

/** Whole buckets; null: there is none. */
export interface Whole {
  readonly identities: KnownRows<IdentityRow> | null;
  readonly endpoints: KnownRows<EndpointRow> | null;
  readonly nodes: KnownRows<NodeRow> | null;
}

/** What is known in all, as libs/identity-recovery takes it. */
export function lostOf(whole: Whole, { rows, claims }: Pick<Gathered, 'rows' | 'claims'>): Lost {
  const presented = <Row>(kind: RecoveryKind) => rows.get(kind)! as KnownRows<Row>;
  const identities = mergeKnown(whole.identities, presented<IdentityRow>('identities'));
  const endpoints = mergeKnown(whole.endpoints, presented<EndpointRow>('endpoints'));
  return {
    identities: mapRows(identities, ({ number, labels }) => ({ number, labels: [labels] })),
    endpoints: mapRows(endpoints, (row) => ({ ...row, namespace: '', name: '' })),
    nodes: mergeKnown(whole.nodes, presented<NodeRow>('nodes')),
    areNodesWhole: whole.nodes !== null,
    claims,
  };
}

const wholeOf = <Row>({ bucket }: StateLog<Row>) => (bucket === null ? null : knownAt({ bucket, at: bucket.published }));

function lastOf(known: ReadonlyMap<string, KnownRow<unknown>> | null): Revision | undefined {
  if (known === null || known.size === 0) return undefined;
  return [...known.values()].reduce((last, { revision }) => laterRevision(last, revision), zeroRevision);
}

function mapRows<A, B>(rows: ReadonlyMap<string, KnownRow<A>>, map: (row: A) => B): ReadonlyMap<string, KnownRow<B>> {
  return new Map([...rows].map(([key, { revision, row }]) => [key, { revision, row: row === null ? null : map(row) }]));
}
