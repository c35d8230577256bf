import { includesRevision, laterRevision, type Revision, zeroRevision } from '@myelin/revision';
import {
  type Allocated,
  type CallerSession,
  type HeldEndpoint as Endpoint,
  type EndpointClaim,
  type EndpointRow,
  formatReport,
  type IdentityRow,
  type Moved,
  type NodeRow,
  type RegistryOptions,
  type ReportRecord,
  type SessionRefusal,
} from './registry-types.ts';
import { StateLog } from './state-log.ts';

const newReport = (registration: bigint, leaseEndMs: number): ReportRecord => ({
  registration,
  leaseEndMs,
  identities: zeroRevision,
  endpoints: zeroRevision,
  nodes: zeroRevision,
  missedIdentities: zeroRevision,
  missedEndpoints: zeroRevision,
});

/** `behind`: what a node that is not visible must have applied first. */
interface Session {
  readonly registration: bigint;
  counter: bigint;
  behind: { readonly identities: Revision; readonly endpoints: Revision; readonly nodes: Revision } | null;
}

/**
 * Redis with the scripts of apps/identity-allocator: each method is one script, atomic as Redis runs it, in the scripts' own order. registry.int.spec.ts holds it against the real scripts in a real Redis. Nodes' own addresses are left out.
 */
export class RegistryModel {
  readonly identities: StateLog<IdentityRow>;
  readonly endpoints: StateLog<EndpointRow>;
  readonly nodes: StateLog<NodeRow>;
  readonly reports = new Map<string, ReportRecord>();
  protected readonly options: RegistryOptions;
  readonly #sets = new Map<string, number>();
  readonly #former = new Map<number, string>();
  readonly #freed = new Map<number, { readonly atMs: number; readonly removal: Revision }>();
  readonly #references = new Map<number, Set<string>>();
  readonly #held = new Map<string, Map<string, Endpoint>>();
  readonly #sessions = new Map<string, Session>();
  #departed: Revision = zeroRevision;
  #registrations = 0n;
  #order = 0;

  constructor(options: RegistryOptions) {
    this.options = options;
    this.identities = new StateLog(options.incarnation);
    this.endpoints = new StateLog(options.incarnation);
    this.nodes = new StateLog(options.incarnation);
  }

  /** Numbers that an endpoint holds, the one first that its addresses are published under. */
  numbersOf(node: string, uid: string): readonly number[] {
    return this.#held.get(node)?.get(uid)?.numbers ?? [];
  }

  /** What the endpoints of a node hold, by UID. */
  heldBy(node: string): readonly (readonly [string, Endpoint])[] {
    return [...(this.#held.get(node) ?? [])];
  }

  /** How many reports have been written. */
  get order(): number {
    return this.#order;
  }

  register(node: string): { readonly registration: bigint; readonly continued: boolean } {
    const { nowMs, leaseMs } = this.options;
    const registration = this.#registrations + 1n > BigInt(nowMs()) ? this.#registrations + 1n : BigInt(nowMs());
    this.#registrations = registration;
    const before = this.#sessions.get(node);
    const continued = before !== undefined && before.behind === null;
    const isVisible = this.nodes.rows.has(node);
    const behind = isVisible
      ? null
      : { identities: this.identities.revision, endpoints: this.endpoints.revision, nodes: this.nodes.revision };
    this.#sessions.set(node, { registration, counter: 0n, behind });
    this.#writeReport(node, newReport(registration, nowMs() + leaseMs));
    if (isVisible) this.nodes.set(node, { name: node });
    return { registration, continued: continued && isVisible };
  }

  /** Makes a node visible to its peers, once it has reported what was current when it registered. */
  activate(session: CallerSession): { readonly outcome: 'ok' | 'behind' } | SessionRefusal {
    const refusal = this.refuseSession(session);
    if (refusal !== null) return refusal;
    const known = this.#sessions.get(session.node)!;
    if (known.behind === null) return { outcome: 'ok' };
    const { identities, endpoints, nodes } = this.reports.get(session.node)!;
    const { behind } = known;
    const isThere =
      includesRevision(identities, behind.identities) &&
      includesRevision(endpoints, behind.endpoints) &&
      includesRevision(nodes, behind.nodes);
    if (!isThere) return { outcome: 'behind' };
    known.behind = null;
    this.nodes.set(session.node, { name: session.node });
    return { outcome: 'ok' };
  }

  allocate(session: CallerSession, { uid, labels, addresses, preferred }: EndpointClaim): Allocated {
    const { node, registration } = session;
    const refusal = this.refuseSession(session);
    if (refusal !== null) return refusal;
    const abandoned: string[] = [];
    for (const address of addresses) {
      if (!this.isInBlockOf(node, address)) return { outcome: 'outside' };
      const holder = this.endpoints.rows.get(address)?.row;
      if (holder === undefined || (holder.node === node && holder.endpointUid === uid)) continue;
      const other = holder.node === node ? this.#held.get(node)?.get(holder.endpointUid) : undefined;
      if (!this.mayTakeOver(other?.registration ?? null, registration)) return { outcome: 'taken' };
      abandoned.push(holder.endpointUid);
    }
    const number = this.#findNumber(labels, preferred);
    if (number === null) return { outcome: 'exhausted' };
    this.#noteCounter(session);
    const references = this.#references.get(number) ?? new Set();
    this.#references.set(number, references.add(`${node}/${uid}`));
    for (const other of abandoned) this.#removeEndpoint(node, other);
    this.#sets.set(labels, number);
    this.#former.delete(number);
    this.#freed.delete(number);
    const identityRevision = this.identities.set(`${number}`, { number, labels });
    const before = this.#held.get(node)?.get(uid);
    const numbers = before === undefined ? [number] : withFirst(withFirst(before.numbers, number), before.numbers[0]!);
    const revisions: (Revision | null)[] = [];
    for (const address of before?.addresses ?? []) if (!addresses.includes(address)) revisions.push(this.endpoints.remove(address));
    for (const address of addresses)
      revisions.push(this.endpoints.set(address, { address, identity: numbers[0]!, node, endpointUid: uid }));
    this.#write(node, uid, { numbers, registration, addresses });
    const last = revisions.reduce<Revision | null>((a, b) => (a === null || b === null ? (a ?? b) : laterRevision(a, b)), null);
    return { outcome: 'ok', number, identityRevision, endpointRevision: last ?? this.endpoints.revision };
  }

  moveAddresses(session: CallerSession, uid: string, number: number): Moved {
    const refusal = this.refuseSession(session);
    if (refusal !== null) return refusal;
    const { node, registration } = session;
    const endpoint = this.#held.get(node)?.get(uid);
    if (endpoint === undefined || this.#references.get(number)?.has(`${node}/${uid}`) !== true) return { outcome: 'unheld' };
    this.#noteCounter(session);
    this.#write(node, uid, { ...endpoint, numbers: withFirst(endpoint.numbers, number), registration });
    for (const address of endpoint.addresses) {
      const row = this.endpoints.rows.get(address);
      if (row !== undefined) this.endpoints.set(address, { ...row.row, identity: number });
    }
    return { outcome: 'ok', endpointRevision: this.endpoints.revision };
  }

  /** `keep` 0: everything goes. */
  release(session: CallerSession, uid: string, keep: number): Moved {
    const refusal = this.refuseSession(session);
    if (refusal !== null) return refusal;
    const { node } = session;
    const endpoint = this.#held.get(node)?.get(uid);
    if (keep !== 0 && endpoint?.numbers[0] !== keep) return { outcome: 'unheld' };
    this.#noteCounter(session);
    if (keep === 0) this.#removeEndpoint(node, uid);
    else {
      for (const number of endpoint!.numbers.slice(1)) this.#dropReference(node, uid, number);
      this.#write(node, uid, { ...endpoint!, numbers: [keep] });
    }
    return { outcome: 'ok', endpointRevision: this.endpoints.revision };
  }

  report(
    { node, registration }: Omit<CallerSession, 'counter'>,
    applied: { readonly identities: Revision; readonly endpoints: Revision; readonly nodes: Revision },
  ): { readonly outcome: 'ok' } | SessionRefusal {
    const refusal = this.#refuseRegistration(node, registration);
    if (refusal !== null) return refusal;
    const leaseEndMs = this.options.nowMs() + this.options.leaseMs;
    const known = this.reports.get(node)!;
    this.#writeReport(node, {
      ...(known.registration === registration ? known : newReport(registration, leaseEndMs)),
      leaseEndMs,
      identities: laterRevision(known.identities, applied.identities),
      endpoints: laterRevision(known.endpoints, applied.endpoints),
      nodes: laterRevision(known.nodes, applied.nodes),
    });
    return { outcome: 'ok' };
  }

  missed(
    { identities, endpoints }: { readonly identities: Revision; readonly endpoints: Revision },
    nodes: readonly string[],
  ): readonly string[] {
    return nodes.filter((node) => {
      const known = this.reports.get(node);
      if (known === undefined || (includesRevision(known.identities, identities) && includesRevision(known.endpoints, endpoints)))
        return false;
      const missedIdentities = laterRevision(known.missedIdentities, identities);
      this.#writeReport(node, { ...known, missedIdentities, missedEndpoints: laterRevision(known.missedEndpoints, endpoints) });
      return true;
    });
  }

  removeNode(node: string): void {
    for (const uid of [...(this.#held.get(node)?.keys() ?? [])]) this.#removeEndpoint(node, uid);
    this.#departed = this.nodes.remove(node) ?? this.#departed;
    this.#sessions.delete(node);
    this.reports.delete(node);
    this.options.onReport?.(node, null, ++this.#order);
  }

  removeForgotten(afterMs: number): readonly string[] {
    const gone = [...this.reports].filter(([, { leaseEndMs }]) => leaseEndMs + afterMs <= this.options.nowMs()).map(([node]) => node);
    for (const node of gone) this.removeNode(node);
    return gone;
  }

  // What tests take out.

  protected refuseSession({ node, registration, counter }: CallerSession): SessionRefusal | null {
    const refusal = this.#refuseRegistration(node, registration);
    if (refusal !== null) return refusal;
    return counter < this.#sessions.get(node)!.counter ? { outcome: 'outdated' } : null;
  }

  protected isInBlockOf(node: string, address: string): boolean {
    return this.options.nodeOfBlock(address) === node;
  }

  /** Whether an endpoint of the node, claimed last under `claimed` (null: not there), gives way to a claim under `registration`. */
  protected mayTakeOver(claimed: bigint | null, registration: bigint): boolean {
    return claimed !== null && claimed < registration;
  }

  /** Whether every node has applied a number's removal, and that of each node that was taken away. */
  protected isAcknowledged(removal: Revision): boolean {
    return [...this.reports.values()].every(
      ({ identities, nodes }) => includesRevision(identities, removal) && includesRevision(nodes, this.#departed),
    );
  }

  #refuseRegistration(node: string, registration: bigint): SessionRefusal | null {
    const known = this.#sessions.get(node);
    if (known === undefined || registration > known.registration) return { outcome: 'unregistered' };
    const report = this.reports.get(node);
    if (report === undefined || report.leaseEndMs <= this.options.nowMs()) return { outcome: 'unregistered' };
    return registration < known.registration ? { outcome: 'outdated' } : null;
  }

  #noteCounter({ node, counter }: CallerSession): void {
    const known = this.#sessions.get(node);
    if (known !== undefined && counter > known.counter) known.counter = counter;
  }

  #findNumber(labels: string, preferred: readonly number[]): number | null {
    const known = this.#sets.get(labels);
    if (known !== undefined) return known;
    const isFree = (number: number, evenIfUsed: boolean) => {
      if (this.identities.rows.has(`${number}`)) return false;
      const former = this.#former.get(number);
      return former === undefined || former === labels || (evenIfUsed && this.#isQuarantineOver(number));
    };
    const wanted = preferred.find((number) => isFree(number, false));
    if (wanted !== undefined) return wanted;
    const { first, count } = this.options.numbers;
    const sorted = Array.from({ length: count }, (_, offset) => first + ((preferred[0]! - first + offset) % count));
    return sorted.find((number) => isFree(number, false)) ?? sorted.find((number) => isFree(number, true)) ?? null;
  }

  #isQuarantineOver(number: number): boolean {
    const freed = this.#freed.get(number);
    if (freed === undefined) return true;
    return this.options.nowMs() - freed.atMs >= this.options.quarantineMs && this.isAcknowledged(freed.removal);
  }

  #dropReference(node: string, uid: string, number: number): void {
    const references = this.#references.get(number);
    references?.delete(`${node}/${uid}`);
    if ((references?.size ?? 0) > 0) return;
    const row = this.identities.rows.get(`${number}`)?.row;
    if (row === undefined) return;
    this.#sets.delete(row.labels);
    this.#former.set(number, row.labels);
    this.#freed.set(number, { atMs: this.options.nowMs(), removal: this.identities.remove(`${number}`)! });
  }

  #removeEndpoint(node: string, uid: string): void {
    const endpoint = this.#held.get(node)?.get(uid);
    if (endpoint === undefined) return;
    for (const address of endpoint.addresses) this.endpoints.remove(address);
    this.#held.get(node)!.delete(uid);
    for (const number of endpoint.numbers) this.#dropReference(node, uid, number);
  }

  #write(node: string, uid: string, endpoint: Endpoint): void {
    const held = this.#held.get(node) ?? new Map<string, Endpoint>();
    this.#held.set(node, held.set(uid, endpoint));
  }

  #writeReport(node: string, record: ReportRecord): void {
    this.reports.set(node, record);
    this.options.onReport?.(node, formatReport(record), ++this.#order);
  }
}

function withFirst(numbers: readonly number[], number: number): readonly number[] {
  return [number, ...numbers.filter((other) => other !== number)];
}
