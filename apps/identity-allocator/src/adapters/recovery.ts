import { type EndpointAddress, type Identity, Node } from '@myelin/contracts/identity';
import { type Claim, type KnownRow, mergeKnown, planRecovery, type RecoveryPlan } from '@myelin/identity-recovery';
import {
  decideRecovery,
  type LostRow,
  parseRecord,
  type Recovery,
  type Reply,
  recoveryLua,
  type ScriptRunner,
  type Store,
  stateScript,
  WholeBuckets,
} from '@myelin/outbox';
import type { Revision } from '@myelin/revision';
import type { Log } from '@myelin/service';
import { type NatsLink, type StreamKind, streamKinds } from '@myelin/state-stream';
import { endpointLua } from './scripts/endpoint.lua.ts';
import { finish, gather, present, presentedLua } from './scripts/recovery.lua.ts';
import { reportsLua } from './scripts/reports.lua.ts';

/** What recovering needs. */
export interface IdentityRecoveryOptions {
  readonly nats: NatsLink;
  readonly log: Log;
  /** How long nodes are waited for. */
  readonly waitMs: number;
  /** How long a node that was there is taken for live without a word of it. */
  readonly leaseMs: number;
}

/** A row or a removal that a node presents; `payload`: JSON text, null: removed. */
export interface PresentedRow {
  readonly kind: string;
  readonly key: string;
  readonly revision: { readonly incarnation: bigint; readonly counter: bigint };
  readonly payload: string | null;
}

/** What one call presents. `claims` null: there is more to come. */
export interface Presentation {
  readonly node: string;
  readonly rows: readonly PresentedRow[];
  readonly claims: readonly Claim[] | null;
}

const shared = [recoveryLua, presentedLua] as const;
const scripts = {
  present: stateScript(present, reportsLua, ...shared),
  gather: stateScript(gather, ...shared),
  finish: stateScript(finish, reportsLua, endpointLua, ...shared),
};

type Plan = RecoveryPlan<Node>;

/** Brings numbers, addresses and nodes back when Redis has lost them: from whole buckets and from what agents present (design C4). What comes back is decided in libs/identity-recovery. */
export class IdentityRecovery implements Recovery {
  readonly scope = 'identity-allocator';
  readonly #options: IdentityRecoveryOptions;
  readonly #buckets: WholeBuckets;
  readonly #included = new Map<string, Revision>();

  constructor(options: IdentityRecoveryOptions) {
    this.#options = options;
    this.#buckets = new WholeBuckets(options.nats);
  }

  /** Up to which revision the kind's newest whole bucket tells everything; undefined while that isn't known, or there is none. */
  includes({ name }: Pick<StreamKind<unknown>, 'name'>): Revision | undefined {
    return this.#included.get(name);
  }

  async attempt(incarnation: bigint, run: ScriptRunner): Promise<string | null> {
    const [word, elapsed, version, count, ...words] = await run(scripts.gather);
    if (word === 'over') return null;
    const presented = readPresented(words, Number(count));
    const [identities, endpoints, nodes] = await Promise.all([
      this.#rowsOf(streamKinds.identities, incarnation),
      this.#rowsOf(streamKinds.endpoints, incarnation),
      this.#rowsOf(streamKinds.nodes, incarnation),
    ]);
    const knownNodes = mergeKnown(nodes, presented.rowsOf(streamKinds.nodes));
    const decision = decideRecovery({
      incarnation,
      isWhole: identities !== null && endpoints !== null && nodes !== null,
      isAccepted: false,
      presenters: {
        elapsedMs: Number(elapsed),
        waitMs: this.#options.waitMs,
        missing: [...knownNodes].flatMap(([name, { row }]) => (row === null || presented.claims.has(name) ? [] : [name])),
      },
    });
    if (decision.does === 'wait') return decision.problem;
    const plan = planRecovery<Node>({
      identities: mergeKnown(identities, presented.rowsOf(streamKinds.identities)),
      endpoints: mergeKnown(endpoints, presented.rowsOf(streamKinds.endpoints)),
      nodes: knownNodes,
      areNodesWhole: nodes !== null,
      claims: presented.claims,
    });
    const [outcome] = await run(scripts.finish, version!, this.#options.leaseMs, ...wordsOf(plan));
    if (outcome === 'changed') return 'a node has presented more meanwhile';
    if (outcome === 'ok') this.#tell(plan, [...presented.claims.keys()]);
    return null;
  }

  async #rowsOf<Row>(kind: StreamKind<Row>, incarnation: bigint): Promise<ReadonlyMap<string, KnownRow<Row>> | null> {
    const rows: readonly LostRow<Row>[] | null = await this.#buckets.rowsOf(kind, incarnation);
    const last = rows?.at(-1);
    if (last === undefined) this.#included.delete(kind.name);
    else this.#included.set(kind.name, last.revision);
    return rows === null ? null : new Map(rows.map(({ key, revision, row }) => [key, { revision, row }]));
  }

  #tell({ identities, endpoints, nodes, quarantined, refused }: Plan, presenters: readonly string[]): void {
    const counts = { identities: identities.length, addresses: endpoints.length, nodes: nodes.length, quarantined: quarantined.length };
    this.#options.log.info({ ...counts, presenters }, 'rows that Redis had lost are back');
    if (refused.length > 0) this.#options.log.warn({ claims: refused }, 'numbers that nodes claim have become those of other label sets');
  }
}

/** Takes what a node presents, while the rows are on their way back; false where they aren't. Throws `unavailable` as the store does. */
export async function presentState(store: Store, { node, rows, claims }: Presentation): Promise<boolean> {
  const incarnations = [
    ...rows.map(({ revision }) => revision),
    ...(claims ?? []).flatMap(({ numbers }) => numbers.map((n) => n.revision)),
  ];
  const greatest = incarnations.reduce((most, { incarnation }) => (incarnation > most ? incarnation : most), 0n);
  const triples = rows.flatMap(({ kind, key, revision: { incarnation, counter }, payload }) => [
    kind,
    key,
    `${incarnation} ${counter} ${payload === null ? '- 0' : `+ ${payload}`}`,
  ]);
  const claimed = claims === null ? '' : JSON.stringify(claims, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));
  const [word] = await store.runRecovering(scripts.present, node, `${greatest}`, claims === null ? 0 : 1, claimed, ...triples);
  return word === 'ok';
}

function readPresented(words: Reply, rowCount: number) {
  const rows = new Map<string, KnownRow<string>>();
  for (let i = 0; i < 2 * rowCount; i += 2) {
    const { revision, payload } = parseRecord(words[i + 1]!);
    rows.set(words[i]!, { revision, row: payload });
  }
  const claims = new Map<string, readonly Claim[]>();
  for (let i = 2 * rowCount; i < words.length; i += 2) claims.set(words[i]!, readClaims(words[i + 1]!));
  return {
    claims,
    rowsOf: <Row>(kind: StreamKind<Row>): ReadonlyMap<string, KnownRow<Row>> =>
      new Map(
        [...rows].flatMap(([field, { revision, row }]) => {
          const [of, key] = [field.slice(0, field.indexOf(' ')), field.slice(field.indexOf(' ') + 1)];
          return of === kind.name
            ? [[key, { revision, row: row === null ? null : kind.fromObject(JSON.parse(row) as object) }] as const]
            : [];
        }),
      ),
  };
}

function readClaims(text: string): readonly Claim[] {
  return JSON.parse(text, (key, value) =>
    key === 'incarnation' || key === 'counter' ? BigInt(value as string) : value,
  ) as readonly Claim[];
}

function wordsOf({ identities, endpoints, nodes, holders, quarantined }: Plan): (string | number)[] {
  const identityRows: readonly Identity[] = identities.map(({ number, labels }) => ({ number, labels: [...labels] }));
  const endpointRows: readonly EndpointAddress[] = endpoints;
  return [
    identityRows.length,
    ...identityRows.flatMap(({ number, labels }) => [number, JSON.stringify(labels)]),
    endpointRows.length,
    ...endpointRows.flatMap((row) => [row.address, JSON.stringify(addressRow(row))]),
    nodes.length,
    ...nodes.flatMap((row) => [row.name, JSON.stringify(Node.fromPartial(row))]),
    holders.length,
    ...holders.flatMap(({ node, uid, numbers, addresses }) => [node, uid, numbers.join(), addresses.join(' ')]),
    quarantined.length,
    ...quarantined.flatMap(({ number, labels }) => [number, labels === null ? '' : JSON.stringify(labels)]),
  ];
}

/** Fields in the order in which the scripts write them: one that does not differ keeps its revision. */
function addressRow({ address, identity, node, endpointUid, namespace, name }: EndpointAddress): EndpointAddress {
  return { address, identity, node, endpointUid, namespace, name };
}
