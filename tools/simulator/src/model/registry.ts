import { includesRevision, laterRevision, type Revision } from '@myelin/revision';
import { emptyContents, newReport } from './registry-contents.ts';
import { type Plan, RecoveryModel } from './registry-recovery.ts';
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
  type NodeState,
  type RegistryOptions,
  type ReportRecord,
  type SessionRefusal,
} from './registry-types.ts';
import { StateLog } from './state-log.ts';

/**
 * Redis with the scripts of apps/identity-allocator: each method is one script, atomic as Redis runs it, in the scripts' own order. registry.int.spec.ts holds it against the real scripts in a real Redis. Nodes' own addresses are left out.
 */
export class RegistryModel {
  readonly identities: StateLog<IdentityRow>;
  readonly endpoints: StateLog<EndpointRow>;
  readonly nodes: StateLog<NodeRow>;
  protected readonly options: RegistryOptions;
  protected contents = emptyContents();
  #recovery: RecoveryModel | null = null;
  #order = 0;

  constructor(options: RegistryOptions) {
    this.options = options;
    this.identities = new StateLog(options.incarnation);
    this.endpoints = new StateLog(options.incarnation);
    this.nodes = new StateLog(options.incarnation);
  }

  /** Numbers that an endpoint holds, the one first that its addresses are published under. */
  numbersOf(node: string, uid: string): readonly number[] {
    return this.contents.held.get(node)?.get(uid)?.numbers ?? [];
  }

  /** What the endpoints of a node hold, by UID. */
  heldBy(node: string): readonly (readonly [string, Endpoint])[] {
    return [...(this.contents.held.get(node) ?? [])];
  }

  /** Numbers that are nobody's: from which revision of their removal on they count as forgotten; and the last removal of a node. */
  get quarantine(): { readonly former: readonly number[]; readonly freed: ReadonlyMap<number, Revision>; readonly departed: Revision } {
    const { former, freed, departed } = this.contents;
    return { former: [...former.keys()], freed: new Map([...freed].map(([number, { removal }]) => [number, removal])), departed };
  }

  get reports(): Map<string, ReportRecord> {
    return this.contents.reports;
  }

  /** What a loss has left to be done; null: nothing. */
  get recovery(): RecoveryModel | null {
    return this.#recovery;
  }

  /** Redis loses everything. Nothing else is to be called until the recovery is over. */
  wipe(): void {
    this.contents = emptyContents();
    this.#recovery?.end();
    for (const log of [this.identities, this.endpoints, this.nodes]) log.loseRows();
    this.#recovery = new RecoveryModel({
      nowMs: this.options.nowMs,
      open: (incarnation) => {
        for (const log of [this.identities, this.endpoints, this.nodes]) log.incarnation = incarnation;
      },
      finish: (plan) => {
        this.#bringBack(plan);
        this.#recovery = null;
      },
    });
  }

  /** How many reports have been written. */
  get order(): number {
    return this.#order;
  }

  register(node: string): { readonly registration: bigint; readonly continued: boolean } {
    const { nowMs, leaseMs } = this.options;
    const registration = this.contents.registrations + 1n > BigInt(nowMs()) ? this.contents.registrations + 1n : BigInt(nowMs());
    this.contents.registrations = registration;
    const before = this.contents.sessions.get(node);
    const continued = before !== undefined && before.behind === null;
    const isVisible = this.nodes.rows.has(node);
    const behind = isVisible
      ? null
      : { identities: this.identities.revision, endpoints: this.endpoints.revision, nodes: this.nodes.revision };
    this.contents.sessions.set(node, { registration, counter: 0n, behind });
    this.#writeReport(node, newReport(registration, nowMs() + leaseMs));
    if (isVisible) this.nodes.set(node, { name: node });
    return { registration, continued: continued && isVisible };
  }

  /** Makes a node visible to its peers, once it has reported what was current when it registered. */
  activate(session: CallerSession): { readonly outcome: 'ok' | 'behind' } | SessionRefusal {
    const refusal = this.refuseSession(session);
    if (refusal !== null) return refusal;
    const known = this.contents.sessions.get(session.node)!;
    if (known.behind === null) return { outcome: 'ok' };
    const { identities, endpoints, nodes } = this.contents.reports.get(session.node)!;
    const { behind } = known;
    if (!this.hasApplied({ identities, endpoints, nodes }, behind)) return { outcome: 'behind' };
    known.behind = null;
    this.options.onVisible?.(session.node, behind);
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
      const other = holder.node === node ? this.contents.held.get(node)?.get(holder.endpointUid) : undefined;
      if (!this.mayTakeOver(other?.registration ?? null, registration)) return { outcome: 'taken' };
      abandoned.push(holder.endpointUid);
    }
    const number = this.#findNumber(labels, preferred);
    if (number === null) return { outcome: 'exhausted' };
    this.#noteCounter(session);
    const references = this.contents.references.get(number) ?? new Set();
    this.contents.references.set(number, references.add(`${node}/${uid}`));
    for (const other of abandoned) this.#removeEndpoint(node, other);
    this.contents.sets.set(labels, number);
    this.contents.former.delete(number);
    this.contents.freed.delete(number);
    const identityRevision = this.identities.set(`${number}`, { number, labels });
    const before = this.contents.held.get(node)?.get(uid);
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
    const endpoint = this.contents.held.get(node)?.get(uid);
    if (endpoint === undefined || this.contents.references.get(number)?.has(`${node}/${uid}`) !== true) return { outcome: 'unheld' };
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
    const endpoint = this.contents.held.get(node)?.get(uid);
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
  ): { readonly outcome: 'ok' } | { readonly outcome: 'incarnation' } | SessionRefusal {
    const refusal = this.#refuseRegistration(node, registration);
    if (refusal !== null) return refusal;
    if (this.exceeds(applied)) return { outcome: 'incarnation' };
    const leaseEndMs = this.options.nowMs() + this.options.leaseMs;
    const known = this.contents.reports.get(node)!;
    this.#writeReport(node, {
      ...(known.registration === registration ? known : newReport(registration, leaseEndMs)),
      leaseEndMs,
      identities: laterRevision(known.identities, applied.identities),
      endpoints: laterRevision(known.endpoints, applied.endpoints),
      nodes: laterRevision(known.nodes, applied.nodes),
    });
    return { outcome: 'ok' };
  }

  /** Whether a node has seen a greater incarnation than holds (C3): one that is greater still holds from here on. */
  protected exceeds(applied: Readonly<Record<string, Revision>>): boolean {
    const greatest = Object.values(applied).reduce((most, { incarnation }) => (incarnation > most ? incarnation : most), 0n);
    if (greatest <= this.identities.incarnation) return false;
    for (const log of [this.identities, this.endpoints, this.nodes]) log.renew(greatest + 1n);
    return true;
  }

  missed(
    { identities, endpoints }: { readonly identities: Revision; readonly endpoints: Revision },
    nodes: readonly string[],
  ): readonly string[] {
    return nodes.filter((node) => {
      const known = this.contents.reports.get(node);
      if (known === undefined || (includesRevision(known.identities, identities) && includesRevision(known.endpoints, endpoints)))
        return false;
      const missedIdentities = laterRevision(known.missedIdentities, identities);
      this.#writeReport(node, { ...known, missedIdentities, missedEndpoints: laterRevision(known.missedEndpoints, endpoints) });
      return true;
    });
  }

  removeNode(node: string): void {
    for (const uid of [...(this.contents.held.get(node)?.keys() ?? [])]) this.#removeEndpoint(node, uid);
    this.contents.departed = this.nodes.remove(node) ?? this.contents.departed;
    this.contents.sessions.delete(node);
    this.contents.reports.delete(node);
    this.options.onReport?.(node, null, ++this.#order);
  }

  removeForgotten(afterMs: number): readonly string[] {
    const gone = [...this.contents.reports]
      .filter(([, { leaseEndMs }]) => leaseEndMs + afterMs <= this.options.nowMs())
      .map(([node]) => node);
    for (const node of gone) this.removeNode(node);
    return gone;
  }

  // What tests take out.

  /** Whether a node has applied what was current when it registered. */
  protected hasApplied(has: NodeState, behind: NodeState): boolean {
    return (
      includesRevision(has.identities, behind.identities) &&
      includesRevision(has.endpoints, behind.endpoints) &&
      includesRevision(has.nodes, behind.nodes)
    );
  }

  protected refuseSession({ node, registration, counter }: CallerSession): SessionRefusal | null {
    const refusal = this.#refuseRegistration(node, registration);
    if (refusal !== null) return refusal;
    return counter < this.contents.sessions.get(node)!.counter ? { outcome: 'outdated' } : null;
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
    return [...this.contents.reports.values()].every(
      ({ identities, nodes }) => includesRevision(identities, removal) && includesRevision(nodes, this.contents.departed),
    );
  }

  /** What the script `finish` writes. No node is registered by it. */
  #bringBack({ identities, endpoints, nodes, holders, quarantined }: Plan): void {
    const { contents } = this;
    const { nowMs, leaseMs } = this.options;
    for (const { number, labels } of identities) {
      contents.sets.set(labels[0]!, number);
      this.identities.set(`${number}`, { number, labels: labels[0]! });
    }
    for (const { address, identity, node, endpointUid } of endpoints) this.endpoints.set(address, { address, identity, node, endpointUid });
    for (const { name } of nodes) {
      this.nodes.set(name, { name });
      this.#writeReport(name, newReport(0n, nowMs() + leaseMs));
    }
    for (const { node, uid, numbers, addresses } of holders) {
      this.#write(node, uid, { numbers, registration: 0n, addresses });
      for (const number of numbers) contents.references.set(number, (contents.references.get(number) ?? new Set()).add(`${node}/${uid}`));
    }
    for (const { number, labels } of quarantined) {
      contents.former.set(number, labels?.[0] ?? 'unknown');
      contents.freed.set(number, { atMs: nowMs(), removal: this.identities.revision });
    }
    contents.departed = this.nodes.revision;
  }

  #refuseRegistration(node: string, registration: bigint): SessionRefusal | null {
    const known = this.contents.sessions.get(node);
    if (known === undefined || registration > known.registration) return { outcome: 'unregistered' };
    const report = this.contents.reports.get(node);
    if (report === undefined || report.leaseEndMs <= this.options.nowMs()) return { outcome: 'unregistered' };
    return registration < known.registration ? { outcome: 'outdated' } : null;
  }

  #noteCounter({ node, counter }: CallerSession): void {
    const known = this.contents.sessions.get(node);
    if (known !== undefined && counter > known.counter) known.counter = counter;
  }

  #findNumber(labels: string, preferred: readonly number[]): number | null {
    const known = this.contents.sets.get(labels);
    if (known !== undefined) return known;
    const isFree = (number: number, evenIfUsed: boolean) => {
      if (this.identities.rows.has(`${number}`)) return false;
      const former = this.contents.former.get(number);
      return former === undefined || former === labels || (evenIfUsed && this.#isQuarantineOver(number));
    };
    const wanted = preferred.find((number) => isFree(number, false));
    if (wanted !== undefined) return wanted;
    const { first, count } = this.options.numbers;
    const sorted = Array.from({ length: count }, (_, offset) => first + ((preferred[0]! - first + offset) % count));
    return sorted.find((number) => isFree(number, false)) ?? sorted.find((number) => isFree(number, true)) ?? null;
  }

  #isQuarantineOver(number: number): boolean {
    const freed = this.contents.freed.get(number);
    if (freed === undefined) return true;
    return this.options.nowMs() - freed.atMs >= this.options.quarantineMs && this.isAcknowledged(freed.removal);
  }

  #dropReference(node: string, uid: string, number: number): void {
    const references = this.contents.references.get(number);
    references?.delete(`${node}/${uid}`);
    if ((references?.size ?? 0) > 0) return;
    const row = this.identities.rows.get(`${number}`)?.row;
    if (row === undefined) return;
    this.contents.sets.delete(row.labels);
    this.contents.former.set(number, row.labels);
    this.contents.freed.set(number, { atMs: this.options.nowMs(), removal: this.identities.remove(`${number}`)! });
  }

  #removeEndpoint(node: string, uid: string): void {
    const endpoint = this.contents.held.get(node)?.get(uid);
    if (endpoint === undefined) return;
    for (const address of endpoint.addresses) this.endpoints.remove(address);
    this.contents.held.get(node)!.delete(uid);
    for (const number of endpoint.numbers) this.#dropReference(node, uid, number);
  }

  #write(node: string, uid: string, endpoint: Endpoint): void {
    const held = this.contents.held.get(node) ?? new Map<string, Endpoint>();
    this.contents.held.set(node, held.set(uid, endpoint));
  }

  #writeReport(node: string, record: ReportRecord): void {
    this.contents.reports.set(node, record);
    this.options.onReport?.(node, formatReport(record), ++this.#order);
  }
}

function withFirst(numbers: readonly number[], number: number): readonly number[] {
  return [number, ...numbers.filter((other) => other !== number)];
}
