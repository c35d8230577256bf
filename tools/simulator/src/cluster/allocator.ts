import { type Claim, planRecovery } from '@myelin/identity-recovery';
import { type Applied, type NodeReport, Reports, readReport } from '@myelin/identity-rules';
import { type Revision, zeroRevision } from '@myelin/revision';
import { atOnce, type Doing, type Machine, type Process, Refusal } from '../machine.ts';
import type { RegistryModel } from '../model/registry.ts';
import type { Plan, PresentedRow } from '../model/registry-recovery.ts';
import { type CallerSession, type EndpointClaim, formatReport, type SessionRefusal } from '../model/registry-types.ts';
import { AllocatorRecovery, type Beyond, type Lost } from './allocator-recovery.ts';

/** What becomes of a call that was refused: see allocator-answer.ts of the node agent. */
export type Prospect = 'soon' | 'new-session' | 'never';

/** A call that was answered by an error. */
export class CallRefused extends Refusal {
  readonly prospect: Prospect;
  readonly word: string;

  constructor(prospect: Prospect, word: string) {
    super(word);
    this.prospect = prospect;
    this.word = word;
  }
}

/** Nodes that were live at some moment, with their registrations. */
export type Witnesses = ReadonlyMap<string, bigint>;

/** The answer to Allocate. `witnesses` were live when the script ran; `acknowledged`: those of them that must have applied the identity by now. No part of the real answer. */
export interface Allocation {
  readonly number: number;
  readonly identityRevision: Revision;
  readonly endpointRevision: Revision;
  readonly isAppliedByOthers: boolean;
  readonly witnesses: Witnesses;
  readonly acknowledged: ReadonlySet<string>;
}

/** The answer to RegisterNode. */
export interface Registered {
  readonly registration: bigint;
  readonly continued: boolean;
}

/** The other one: what does the node know? */
export interface Asked {
  readonly asks: Beyond;
}

/** The answer to AwaitApplied. */
export interface Awaited {
  readonly late: readonly string[];
  readonly acknowledged: ReadonlySet<string>;
}

const announceWithinMs = 2000;
const appliedWithinMs = 1000;
const readAgainMs = 5000;
const forgetAfterMs = 3_600_000;

/** What a replica has around it. */
export interface AllocatorSurroundings {
  readonly registry: RegistryModel;
  readonly nowMs: () => number;
  /** Redis' clock. */
  readonly redisMs: () => number;
  readonly isPaused: (process: Process) => boolean;
}

/** A replica of identity-allocator: handlers over the registry's scripts, and what nodes report, as it has heard it. Who is waited for is decided by `Reports` of libs/identity-rules. */
export class AllocatorReplica implements Process {
  readonly name: string;
  readonly machines: readonly Machine[];
  /** Reports that were published and not yet heard here. */
  readonly heard: { readonly atMs: number; readonly node: string; readonly record: string | null; readonly order: number }[] = [];
  protected readonly around: AllocatorSurroundings;
  protected reports = new Reports();
  readonly recovery: AllocatorRecovery;
  #life = 0;
  #readAtMs = 0;

  constructor(name: string, around: AllocatorSurroundings) {
    this.name = name;
    this.around = around;
    this.recovery = new AllocatorRecovery(name, around, (state) => this.plan(state));
    this.machines = [this.#hearing(), this.#reading(), this.recovery.machine];
  }

  restart(): void {
    this.reports = new Reports();
    this.heard.length = 0;
    this.recovery.restart();
    this.#life++;
  }

  /** Rows are on their way back: the node is asked for what it knows, `beyond` what whole buckets tell. */
  *register(node: string): Doing<Registered | Asked> {
    yield* this.#turn(this.#life, true);
    if (this.around.registry.recovery !== null) return { asks: this.recovery.beyond };
    return this.around.registry.register(node);
  }

  /** Takes what a node knows, in two calls. */
  *present(node: string, rows: readonly PresentedRow[], claims: readonly Claim[]): Doing<'presented'> {
    const life = this.#life;
    yield* this.#turn(life, true);
    if (this.around.registry.recovery?.present(node, rows, null) !== true) return 'presented';
    yield undefined;
    yield* this.#turn(life, true);
    this.around.registry.recovery?.present(node, [], claims);
    return 'presented';
  }

  *activate(session: CallerSession): Doing<'active'> {
    yield* this.#turn(this.#life);
    const result = this.around.registry.activate(session);
    if (result.outcome === 'unregistered' || result.outcome === 'outdated') throw refusalOf(result);
    if (result.outcome === 'behind') throw new CallRefused('never', 'behind');
    return 'active';
  }

  *allocate(session: CallerSession, claim: EndpointClaim): Doing<Allocation> {
    const life = this.#life;
    yield* this.#turn(life);
    const { registry, nowMs } = this.around;
    const before = registry.identities.revision;
    const result = registry.allocate(session, claim);
    const { order } = registry;
    if (result.outcome === 'unregistered' || result.outcome === 'outdated') throw refusalOf(result);
    if (result.outcome !== 'ok') throw new CallRefused('never', result.outcome);
    const { number, identityRevision, endpointRevision } = result;
    const witnesses = this.#live();
    const untilMs = nowMs() + announceWithinMs;
    const isReady = () => this.isAnnounced(identityRevision);
    while (!isReady() && nowMs() < untilMs) yield { untilMs, isReady };
    yield* this.#turn(life);
    if (!isReady()) throw new CallRefused('soon', 'not announced');
    const isAppliedByOthers = this.appliedByOthers(session.node, identityRevision, { before, order });
    return {
      number,
      identityRevision,
      endpointRevision,
      isAppliedByOthers,
      witnesses,
      acknowledged: isAppliedByOthers ? this.#owing(witnesses) : new Set(),
    };
  }

  *moveAddresses(session: CallerSession, uid: string, number: number): Doing<Revision> {
    yield* this.#turn(this.#life);
    return endpointRevisionOf(this.around.registry.moveAddresses(session, uid, number));
  }

  *release(session: CallerSession, uid: string, keep: number): Doing<Revision> {
    yield* this.#turn(this.#life);
    return endpointRevisionOf(this.around.registry.release(session, uid, keep));
  }

  *report(session: Omit<CallerSession, 'counter'>, applied: Applied & { readonly nodes: Revision }): Doing<null> {
    yield* this.#turn(this.#life, true);
    // As a session that isn't the node's: it registers anew, and is asked.
    if (this.around.registry.recovery !== null) throw refusalOf({ outcome: 'unregistered' });
    const result = this.around.registry.report(session, applied);
    if (result.outcome === 'incarnation') throw new CallRefused('soon', 'another incarnation holds');
    if (result.outcome !== 'ok') throw refusalOf(result);
    return null;
  }

  /** `witnesses`: for whom it counts; null: all that are live now. */
  *awaitApplied(node: string, asked: Partial<Applied>, witnesses: Witnesses | null = null): Doing<Awaited> {
    const life = this.#life;
    yield* this.#turn(life);
    const { registry, nowMs } = this.around;
    const wanted = this.wanted(asked);
    const since = witnesses ?? this.#live();
    this.refresh();
    const untilMs = nowMs() + appliedWithinMs;
    const isReady = () => this.reports.isCurrent && this.reports.late(wanted, node, nowMs()).length === 0;
    while (!isReady() && nowMs() < untilMs) yield { untilMs, isReady };
    yield* this.#turn(life);
    if (!this.reports.isCurrent) throw new CallRefused('soon', 'reports can not be heard');
    const late = this.reports.late(wanted, node, nowMs());
    const acknowledged = this.#owing(since);
    if (late.length === 0) return { late, acknowledged };
    const missed = registry.missed(wanted, late);
    for (const name of late) acknowledged.delete(name);
    return { late: missed, acknowledged };
  }

  // What tests take out.

  protected plan(state: Lost): Plan {
    return planRecovery(state);
  }

  /** Whether a number may be told. */
  protected isAnnounced(revision: Revision): boolean {
    return this.around.registry.identities.isPublished(revision);
  }

  /** `order`: reports that had been written when the number was given; `before`: where its stream stood. */
  protected appliedByOthers(node: string, identities: Revision, { order }: { readonly order: number; readonly before: Revision }): boolean {
    const { isCurrent } = this.reports;
    return (
      isCurrent &&
      this.reports.hasHeard(order) &&
      this.reports.late({ identities, endpoints: zeroRevision }, node, this.around.nowMs()).length === 0
    );
  }

  protected wanted({ identities = zeroRevision, endpoints = zeroRevision }: Partial<Applied>): Applied {
    return { identities, endpoints };
  }

  /** Goes on when the replica runs; its connections break when it has died meanwhile. `isAlways`: also while rows are on their way back. */
  *#turn(life: number, isAlways = false): Doing<void> {
    while (this.around.isPaused(this)) yield { untilMs: Number.POSITIVE_INFINITY, isReady: () => !this.around.isPaused(this) };
    if (this.#life !== life) throw new CallRefused('soon', 'the connection broke');
    if (!isAlways && this.around.registry.recovery !== null) throw new CallRefused('soon', 'rows are on their way back');
  }

  #live(): Witnesses {
    const live = [...this.around.registry.reports].filter(([, { leaseEndMs }]) => leaseEndMs > this.around.redisMs());
    return new Map(live.map(([node, { registration }]) => [node, registration]));
  }

  /** Those that have been live ever since, and are waited for: not those that were missed before and, for all that is known here, haven't reported it. */
  #owing(since: Witnesses): Set<string> {
    const never = { incarnation: 2n ** 63n, counter: 0n };
    const waitedFor = new Set(this.reports.late({ identities: never, endpoints: never }, '', this.around.nowMs()));
    const owing = [...this.#live()].filter(([node, registration]) => {
      const { missedIdentities, missedEndpoints } = this.around.registry.reports.get(node)!;
      const wasMissed = missedIdentities.counter > 0n || missedEndpoints.counter > 0n;
      return since.get(node) === registration && (waitedFor.has(node) || !wasMissed);
    });
    return new Set(owing.map(([node]) => node));
  }

  #hearing(): Machine {
    return {
      name: `${this.name} feed`,
      isLocal: true,
      begin: () => (this.heard.length === 0 || !this.reports.isCurrent ? null : atOnce(() => this.#hear())),
      answer: () => {},
      fail: () => {},
      describe: () => 'hears a report',
    };
  }

  #read(): NodeReport[] {
    return [...this.around.registry.reports].map(([node, record]) => readReport(this.around.redisMs(), node, formatReport(record))!);
  }

  /** Reads all reports again: what has not been heard yet isn't waited for. */
  protected refresh(): void {
    const { redisMs, nowMs, registry } = this.around;
    this.reports.refresh(this.#read(), redisMs(), nowMs(), registry.order);
  }

  #hear(): null {
    const next = this.heard.shift();
    if (next === undefined) return null;
    if (next.record === null) this.reports.remove(next.node, next.atMs, next.order);
    else this.reports.take(readReport(next.atMs, next.node, next.record)!, this.around.nowMs(), next.order);
    return null;
  }

  /** All of them, at once after a start and every 5 s; nodes that nobody has heard of for long are taken away. */
  #reading(): Machine {
    const { around } = this;
    const isDue = () => !this.reports.isCurrent || around.nowMs() >= this.#readAtMs + readAgainMs;
    const self = this;
    return {
      name: `${this.name} reading`,
      isLocal: true,
      *begin() {
        if (!isDue()) yield { untilMs: self.#readAtMs + readAgainMs };
        if (around.registry.recovery === null) around.registry.removeForgotten(forgetAfterMs);
        self.reports.takeAll(self.#read(), around.redisMs(), around.nowMs(), around.registry.order);
        self.#readAtMs = around.nowMs();
        return null;
      },
      answer: () => {},
      fail: () => {},
      describe: () => 'has read all reports',
    };
  }
}

function refusalOf({ outcome }: SessionRefusal): CallRefused {
  return new CallRefused('new-session', outcome);
}

function endpointRevisionOf(result: ReturnType<RegistryModel['release']>): Revision {
  if (result.outcome === 'ok') return result.endpointRevision;
  throw result.outcome === 'unheld' ? new CallRefused('never', 'unheld') : refusalOf(result);
}
