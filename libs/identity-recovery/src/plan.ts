import { compareRevisions } from '@myelin/revision';
import type { KnownRows } from './known.ts';
import { type Claim, type EndpointRow, type Ownership, ownersOf, textOfLabels } from './owners.ts';

/** What is known of the three kinds, and what the nodes claim that have spoken. */
export interface KnownState<NodeRow> {
  readonly identities: KnownRows<{ readonly number: number; readonly labels: readonly string[] }>;
  readonly endpoints: KnownRows<EndpointRow>;
  readonly nodes: KnownRows<NodeRow>;
  /** Whether `nodes` are all that there were: then whoever is not among them had been taken away. */
  readonly areNodesWhole: boolean;
  /** By node: all endpoints that it has. */
  readonly claims: ReadonlyMap<string, readonly Claim[]>;
}

/** An endpoint that holds numbers; its addresses are published under the first. */
export interface Holder {
  readonly node: string;
  readonly uid: string;
  readonly numbers: readonly number[];
  readonly addresses: readonly string[];
}

/** A number that nobody has any more. `labels`: whose it was; null where that is not known. */
export interface LostNumber {
  readonly number: number;
  readonly labels: readonly string[] | null;
}

/** What is written in one step when the recovery ends. All lists are sorted: every replica plans the same. */
export interface RecoveryPlan<NodeRow> {
  readonly identities: readonly { readonly number: number; readonly labels: readonly string[] }[];
  readonly endpoints: readonly EndpointRow[];
  readonly nodes: readonly NodeRow[];
  readonly holders: readonly Holder[];
  /** Quarantined anew: other nodes may still take them for what they were. */
  readonly quarantined: readonly LostNumber[];
  /** Claims that lost: these endpoints get other numbers when they claim again. */
  readonly refused: readonly { readonly node: string; readonly uid: string; readonly number: number }[];
}

/**
 * What comes back after a loss (design C1, C4). Invariants: whose a number is, `ownersOf` says; an identity comes back while an endpoint holds it, all others are quarantined; an address comes back while its node
 * still has the endpoint (a node that has spoken) or is there (one that hasn't), and its number's owner is known; what a claim asks for is given where the number is that label set's.
 */
export function planRecovery<NodeRow>(state: KnownState<NodeRow>): RecoveryPlan<NodeRow> {
  const claims = [...state.claims].flatMap(([node, all]) => all.map((claim) => ({ node, ...claim })));
  const { owners, former } = ownersOf(
    state.identities,
    claims.flatMap(({ numbers }) => numbers),
  );
  const holders = new Map<string, { node: string; uid: string; numbers: number[]; addresses: string[] }>();
  const holderOf = (node: string, uid: string) => {
    const key = JSON.stringify([node, uid]);
    const holder = holders.get(key) ?? { node, uid, numbers: [], addresses: [] };
    holders.set(key, holder);
    return holder;
  };
  const endpoints = endpointsOf(state, (number) => isUnchanged(state, owners, number));
  for (const { address, identity, node, endpointUid } of endpoints) {
    const holder = holderOf(node, endpointUid);
    holder.addresses.push(address);
    if (!holder.numbers.includes(identity)) holder.numbers.push(identity);
  }
  const refused: RecoveryPlan<NodeRow>['refused'][number][] = [];
  for (const { node, uid, numbers } of claims)
    for (const { number, labels } of numbers) {
      const owner = owners.get(number);
      const isOwn = owner?.labels != null && textOfLabels(owner.labels) === textOfLabels(labels);
      if (!isOwn) refused.push({ node, uid, number });
      else if (!holderOf(node, uid).numbers.includes(number)) holderOf(node, uid).numbers.push(number);
    }
  const held = new Set([...holders.values()].flatMap(({ numbers }) => numbers));
  const unheld = [...owners.values()].filter(({ number }) => !held.has(number));
  return {
    identities: [...owners.values()]
      .filter(({ number }) => held.has(number))
      .map(({ number, labels }) => ({ number, labels: labels! }))
      .sort(byNumber),
    endpoints,
    nodes: sortedRows(state.nodes),
    holders: [...holders.values()].sort((a, b) => compareTexts(a.node, b.node) || compareTexts(a.uid, b.uid)),
    quarantined: [...former, ...unheld].map(({ number, labels }) => ({ number, labels })).sort(byNumber),
    refused,
  };
}

/** Whether a number is whose its row says: an address that was published under another meaning doesn't come back under this one. */
function isUnchanged<NodeRow>({ identities }: KnownState<NodeRow>, owners: ReadonlyMap<number, Ownership>, number: number): boolean {
  const [owner, row] = [owners.get(number), identities.get(`${number}`)?.row];
  if (owner?.labels == null) return false;
  return row == null || textOfLabels(row.labels) === textOfLabels(owner.labels);
}

/** Addresses that come back, each endpoint's under one number: the one that was published last. */
function endpointsOf<NodeRow>(
  { endpoints, nodes, areNodesWhole, claims }: KnownState<NodeRow>,
  isUsable: (number: number) => boolean,
): readonly EndpointRow[] {
  const living = new Map([...claims].map(([node, all]) => [node, new Set(all.map(({ uid }) => uid))]));
  const isThere = ({ node, endpointUid }: EndpointRow) => {
    const uids = living.get(node);
    if (uids !== undefined) return uids.has(endpointUid);
    return !areNodesWhole || nodes.get(node)?.row != null;
  };
  const published = new Map<string, { readonly identity: number; readonly revision: { incarnation: bigint; counter: bigint } }>();
  const rows: EndpointRow[] = [];
  for (const { revision, row } of endpoints.values()) {
    if (row === null || !isUsable(row.identity) || !isThere(row)) continue;
    rows.push(row);
    const key = JSON.stringify([row.node, row.endpointUid]);
    const other = published.get(key);
    if (other === undefined || compareRevisions(revision, other.revision) > 0) published.set(key, { identity: row.identity, revision });
  }
  return rows
    .map((row) => ({ ...row, identity: published.get(JSON.stringify([row.node, row.endpointUid]))!.identity }))
    .sort((a, b) => compareTexts(a.address, b.address));
}

function sortedRows<Row>(rows: KnownRows<Row>): readonly Row[] {
  return [...rows].sort(([a], [b]) => compareTexts(a, b)).flatMap(([, { row }]) => (row === null ? [] : [row]));
}

const compareTexts = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const byNumber = (a: { readonly number: number }, b: { readonly number: number }) => a.number - b.number;
