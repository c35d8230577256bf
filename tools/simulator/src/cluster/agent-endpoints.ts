import {
  type AddressPool,
  type Assignment,
  advance,
  createEndpoint,
  type EndpointEffect,
  type EndpointEvent,
  type EndpointRecord,
  type EndpointSpec,
  resume,
  type Step,
} from '@myelin/identity-rules';
import { includesRevision, type Revision } from '@myelin/revision';
import type { Doing, Machine } from '../machine.ts';
import type { Agent } from './agent.ts';
import { type Allocation, type Awaited, CallRefused, type Witnesses } from './allocator.ts';
import { type Ask, type Errand, ErrandRunner } from './errand.ts';

/** A wait for other nodes. */
interface Wait {
  readonly assignment: Assignment;
  readonly isAddressKnown: boolean;
  isOver: boolean;
  acknowledged: ReadonlySet<string>;
}

interface Work {
  readonly errands: ErrandRunner;
  readonly others: ErrandRunner;
  isReused: boolean;
  wait: Wait | null;
}

/** Numbers that a label set prefers: small, so that they are soon in want. */
export const numbersOfSimulation = { first: 256, count: 4 };
const preferredBy = (labels: string) => numbersOfSimulation.first + (labels.codePointAt(0)! % numbersOfSimulation.count);

/** How often a claim that was refused is made again. */
const claimAgainMs = 5000;

function* pauseOf(untilMs: number): Doing<null> {
  yield { untilMs };
  return null;
}

function specOf(uid: string, labels: string): EndpointSpec {
  const nothing = { namespaceLabels: {}, serviceAccount: '', namedPorts: [], netns: '', interfaceName: '', addresses: [] };
  return { uid, namespace: 'ns', name: uid, labels: { labels }, ...nothing };
}

/** The endpoints of one agent: effects of `advance` are carried out as control/endpoints.ts of the node agent does. */
export class AgentEndpoints {
  readonly #agent: Agent;
  readonly #pool: AddressPool;
  readonly #work = new Map<string, Work>();
  /** Of `#work`; null when that has changed. */
  #machines: readonly Machine[] | null = null;
  /** Nodes' waits that ended without somebody. */
  readonly late: string[] = [];

  constructor(agent: Agent, pool: AddressPool) {
    this.#agent = agent;
    this.#pool = pool;
  }

  get machines(): readonly Machine[] {
    this.#machines ??= [...this.#work.values()].flatMap(({ errands, others }) => [errands, others]);
    return this.#machines;
  }

  get records(): readonly EndpointRecord[] {
    return [...this.#agent.disk.records.values()];
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return [...this.#work.values()].every(({ errands, others }) => !errands.isBusy && !others.isBusy);
  }

  /** Whether something is under way for an endpoint. */
  isBusy(uid: string): boolean {
    return this.#work.get(uid)?.errands.isBusy === true;
  }

  /** Whether other nodes are waited for. */
  isWaiting(uid: string): boolean {
    return this.#work.get(uid)?.others.isBusy === true;
  }

  /** False where the node has no address left. */
  create(uid: string, labels: string): boolean {
    const taken = this.#agent.disk.take(this.#pool, uid);
    if (taken === null) return false;
    this.#workOf(uid).isReused = taken.isReused;
    this.#take(uid, createEndpoint(specOf(uid, labels), taken.addresses, 1));
    return true;
  }

  relabel(uid: string, labels: string): void {
    this.#stopAsking(uid);
    this.#dispatch(uid, { kind: 'updated', spec: specOf(uid, labels) });
  }

  delete(uid: string): void {
    this.#stopAsking(uid);
    this.#dispatch(uid, { kind: 'delete' });
  }

  resume(): void {
    for (const record of this.records) this.#take(record.spec.uid, resume(record, true));
  }

  claimAgain(): void {
    for (const { spec, state } of this.records) {
      if (state === 'deleting' || state === 'failed') continue;
      this.#stopAsking(spec.uid);
      this.#dispatch(spec.uid, { kind: 'disowned' });
    }
  }

  /** Gives back what the allocator holds for an endpoint that this node doesn't know. */
  giveBackUnknown(uid: string): void {
    if (this.#agent.disk.records.has(uid)) return;
    const { errands } = this.#workOf(uid);
    if (!errands.isBusy) errands.run(this.#giveBack(uid));
  }

  openWhatCan(): void {
    for (const record of this.records) this.#openIfPossible(record);
  }

  #openIfPossible({ spec, assigned, state }: EndpointRecord): void {
    if (state !== 'waiting-for-policy' || assigned === null) return;
    const { wait } = this.#workOf(spec.uid);
    const isOver = wait?.assignment.identity === assigned.identity && wait.isOver;
    if (isOver && this.#agent.isEnforceable(assigned.identity, assigned.revision))
      this.#dispatch(spec.uid, { kind: 'policy-applied', identity: assigned.identity });
  }

  #workOf(uid: string): Work {
    const known = this.#work.get(uid);
    if (known !== undefined) return known;
    const agent = this.#agent;
    const office = {
      registration: () => agent.registration,
      begin: (endpoint: string, what: string) => {
        if (agent.calls.begin(endpoint, what)) agent.disk.counter = agent.calls.counter;
      },
      answered: (endpoint: string) => agent.calls.answered(endpoint),
      sessionOver: (registration: bigint) => agent.sessionOver(registration),
      abandon: (machine: Machine) => agent.around.abandon(machine),
      turnToOtherReplica: () => agent.turnToOtherReplica(),
      nowMs: () => agent.around.nowMs(),
    };
    const runner = (what: string) => new ErrandRunner(`${agent.name} ${uid}${what}`, uid, office);
    const work: Work = { errands: runner(''), others: runner(' others'), isReused: true, wait: null };
    this.#work.set(uid, work);
    this.#machines = null;
    return work;
  }

  #stopAsking(uid: string): void {
    const work = this.#workOf(uid);
    work.errands.stop();
    if (work.others.isBusy) work.wait = null;
    work.others.stop();
  }

  #dispatch(uid: string, event: EndpointEvent): void {
    const record = this.#agent.disk.records.get(uid);
    if (record !== undefined) this.#take(uid, advance(record, event));
  }

  #take(uid: string, { record, effects }: Step): void {
    const { disk, around, name } = this.#agent;
    const current = record ?? disk.records.get(uid)!;
    if (record !== null) disk.records.set(uid, record);
    around.say(`${name} ${uid}: ${record?.state ?? 'gone'}${record?.message ? ` (${record.message})` : ''} ${effects.join(', ')}`);
    for (const effect of effects) this.#carryOut(uid, current, effect);
  }

  #carryOut(uid: string, record: EndpointRecord, effect: EndpointEffect): void {
    const agent = this.#agent;
    const { errands } = this.#workOf(uid);
    const acts: Readonly<Record<EndpointEffect, () => void>> = {
      link: () => this.#dispatch(uid, { kind: 'linked' }),
      identify: () => errands.run(this.#identify(uid, record)),
      'await-policy': () => {
        agent.want(record.assigned!.revision);
        this.#awaitOthers(uid, record.assigned!, null);
        this.openWhatCan();
      },
      enforce: () => this.#enforce(uid, record),
      'cut-off': () => this.#cutOff(uid, record),
      settle: () => errands.run(this.#settle(uid, record.inForce!.identity)),
      detach: () => {
        this.#clear(uid, record);
        this.#dispatch(uid, { kind: 'detached' });
      },
      release: () => {
        agent.subjectsChanged();
        errands.run(this.#release(uid));
      },
      forget: () => {
        agent.disk.forget(this.#pool, record);
        this.#work.delete(uid);
        this.#machines = null;
      },
    };
    acts[effect]();
  }

  #enforce(uid: string, { inForce, addresses }: EndpointRecord): void {
    const { kernel, name: node } = this.#agent;
    const { identity, labels, revision } = inForce!;
    const before = kernel.endpoints.get(uid);
    const wait = this.#workOf(uid).wait;
    const acknowledged = before?.identity === identity ? before.acknowledged : (wait?.acknowledged ?? new Set<string>());
    const isAddressKnown = before?.isAddressKnown ?? wait?.isAddressKnown ?? false;
    kernel.endpoints.set(uid, { uid, node, identity, revision, labels: labels[0]!, address: addresses[0]!, acknowledged, isAddressKnown });
    for (const address of addresses) kernel.addresses.set(address, { identity, node });
    kernel.version++;
  }

  /** What tests take out: it goes on speaking. */
  #cutOff(uid: string, { addresses }: EndpointRecord): void {
    const { kernel, name } = this.#agent;
    if (!this.#agent.cutsOff) return;
    kernel.endpoints.delete(uid);
    for (const address of addresses) if (kernel.addresses.get(address)?.node === name) kernel.addresses.delete(address);
    kernel.version++;
  }

  #clear(uid: string, { addresses }: EndpointRecord): void {
    const { kernel, name } = this.#agent;
    kernel.endpoints.delete(uid);
    for (const address of addresses) if (kernel.addresses.get(address)?.node === name) kernel.addresses.delete(address);
    kernel.version++;
  }

  /** Waits until other nodes have applied an assignment, once for each. `allocation` null: nobody has said anything of others. */
  #awaitOthers(uid: string, assignment: Assignment, allocation: Allocation | null): void {
    const work = this.#workOf(uid);
    if (work.wait?.assignment.identity === assignment.identity && work.wait.assignment.revision === assignment.revision) return;
    const isNew = this.#agent.disk.records.get(uid)?.inForce === null;
    const isReused = isNew && work.isReused;
    const { isNative } = this.#agent.around;
    const needed = this.#agent.needed(assignment, { isAppliedByOthers: allocation?.isAppliedByOthers ?? false, isNative, isReused });
    const acknowledged = allocation?.acknowledged ?? new Set<string>();
    const wait: Wait = { assignment, isOver: needed === null, acknowledged, isAddressKnown: isNative || isReused };
    work.wait = wait;
    if (needed === null) this.openWhatCan();
    else work.others.run(this.#othersApplied(wait, needed, allocation?.witnesses ?? null));
  }

  *#othersApplied(
    wait: Wait,
    needed: { readonly identities?: Revision; readonly endpoints?: Revision },
    witnesses: Witnesses | null,
  ): Errand {
    wait.acknowledged = yield* this.#applied(needed, witnesses);
    wait.isOver = true;
    this.openWhatCan();
  }

  /** Nodes that have applied it; none where nobody can say: an endpoint goes on all the same. */
  *#applied(
    needed: { readonly identities?: Revision; readonly endpoints?: Revision },
    witnesses: Witnesses | null,
  ): Generator<Ask, ReadonlySet<string>, never> {
    const agent = this.#agent;
    try {
      const { late, acknowledged }: Awaited = yield {
        what: null,
        send: () => agent.allocator().awaitApplied(agent.name, needed, witnesses),
      };
      this.late.push(...late);
      return acknowledged;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.late.push(error.message);
      return new Set();
    }
  }

  *#identify(uid: string, { spec, addresses, inForce }: EndpointRecord): Errand {
    const agent = this.#agent;
    const labels = spec.labels.labels!;
    const preferred = [...(inForce === null ? [] : agent.claimed(inForce.identity)), preferredBy(labels)];
    const claim = { uid, labels, addresses, preferred };
    try {
      // What it had it claims at any time; what is new waits until peers see the node (C1).
      if (inForce === null && !agent.mayAllocate) yield { what: null, isPatient: true, send: () => this.#untilActive() };
      const allocation: Allocation = yield {
        what: `allocate ${labels}`,
        send: () => agent.allocator().allocate(this.#session(), claim),
      };
      const { number: identity, identityRevision: revision, endpointRevision: published } = allocation;
      const assignment = { identity, labels: [labels], revision, published };
      this.#awaitOthers(uid, assignment, allocation);
      this.#dispatch(uid, { kind: 'identified', assignment });
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
      agent.around.say(`${agent.name} ${uid} is refused: ${error.word}`);
      const record = agent.disk.records.get(uid);
      if (record?.disowned === true) {
        this.#dispatch(uid, { kind: 'refused', message: error.word });
        yield { what: null, isPatient: true, send: () => pauseOf(agent.around.nowMs() + claimAgainMs) };
        yield* this.#identify(uid, agent.disk.records.get(uid)!);
      } else if (record !== undefined && record.state !== 'deleting' && record.inForce === null) this.delete(uid);
    }
  }

  *#untilActive(): Doing<null> {
    const isReady = () => this.#agent.mayAllocate;
    while (!isReady()) yield { untilMs: Number.POSITIVE_INFINITY, isReady };
    return null;
  }

  *#settle(uid: string, identity: number): Errand {
    const agent = this.#agent;
    const allocator = () => agent.allocator();
    try {
      const published: Revision = yield {
        what: `move to ${identity}`,
        send: () => allocator().moveAddresses(this.#session(), uid, identity),
      };
      yield {
        what: null,
        isPatient: true,
        *send() {
          const isReady = () => includesRevision(agent.addressesAt, published);
          while (!isReady()) yield { untilMs: Number.POSITIVE_INFINITY, isReady };
        },
      };
      yield* this.#applied({ endpoints: published }, null);
      yield { what: `release all but ${identity}`, send: () => allocator().release(this.#session(), uid, identity) };
      this.#dispatch(uid, { kind: 'settled', identity, published });
      agent.subjectsChanged();
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
      const record = agent.disk.records.get(uid);
      if (record !== undefined && error.word === 'unheld') this.#dispatch(uid, { kind: 'updated', spec: record.spec });
    }
  }

  *#release(uid: string): Errand {
    yield* this.#giveBack(uid);
    this.#dispatch(uid, { kind: 'released' });
  }

  *#giveBack(uid: string): Errand {
    try {
      yield { what: 'release all but 0', send: () => this.#agent.allocator().release(this.#session(), uid, 0) };
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
    }
  }

  #session() {
    const { name: node, registration, calls } = this.#agent;
    return { node, registration: registration!, counter: calls.counter };
  }
}
