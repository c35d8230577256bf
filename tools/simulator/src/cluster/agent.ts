import { prefix } from '@myelin/address';
import type { Claim } from '@myelin/identity-recovery';
import {
  type AddressPool,
  type Assignment,
  answeredSubjects,
  CallCounter,
  heldBy,
  isConfirmed,
  isStateFor,
  neededOfOthers,
  type Standing,
  type SubscriptionMessage,
  stepsOf,
  subjectsOf,
} from '@myelin/identity-rules';
import { laterRevision, type Revision, zeroRevision } from '@myelin/revision';
import { atOnce, type Doing, type Machine, type Process } from '../machine.ts';
import type { RegistryModel } from '../model/registry.ts';
import type { PresentedRow } from '../model/registry-recovery.ts';
import { AgentEndpoints } from './agent-endpoints.ts';
import { type AllocatorReplica, type Asked, CallRefused, type Registered } from './allocator.ts';
import type { Beyond } from './allocator-recovery.ts';
import type { CompilerReplica, Connection } from './compiler.ts';
import { Disk } from './disk.ts';
import { Kernel } from './kernel.ts';
import { NodeStreams } from './node-streams.ts';

const reportEveryMs = 5000;
const presentAgainMs = 300;
const activateAgainMs = 50;

/** What an agent has around it. */
export interface AgentSurroundings {
  readonly registry: RegistryModel;
  readonly allocators: readonly AllocatorReplica[];
  readonly compilers: readonly CompilerReplica[];
  readonly isNative: boolean;
  readonly nowMs: () => number;
  readonly abandon: (machine: Machine) => void;
  readonly say: (what: string) => void;
}

/** What the allocator answers to reports (null; undefined: the time of one has come), registrations and the rest. */
type Answer = 'active' | 'presented' | null | undefined | Registered | Asked;
type Bookmark = Extract<SubscriptionMessage, { readonly kind: 'bookmark' }>;

/** One node: its kernel and state folder, which outlive the agent; and the agent, which decides by libs/identity-rules. */
export class Agent implements Process {
  readonly name: string;
  readonly around: AgentSurroundings;
  kernel = new Kernel();
  disk: Disk;
  registration: bigint | null = null;
  endpoints: AgentEndpoints;
  calls: CallCounter;
  standing: Standing;
  connection: Connection | null = null;
  readonly #block: string;
  #isReportDue = true;
  #isBelieved = false;
  /** What the allocator, which has lost its rows, asks for; null: nothing. */
  #asked: Beyond | null = null;
  #registersAtMs = 0;
  #activatesAtMs = 0;
  /** Peers see the node. */
  #isActive = false;
  /** It has reported something since it asked to be seen. */
  #mayActivate = false;
  readonly #streams: NodeStreams;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #wantedIdentity: Revision = zeroRevision;
  /** Subjects of the connection's requests. */
  protected asked: (readonly number[])[] = [];
  #isAsking = false;
  #turns = 0;
  readonly #own: readonly Machine[];
  #ofEndpoints: readonly Machine[] | null = null;
  #all: readonly Machine[] = [];

  /** `block`: the node's addresses. */
  constructor(name: string, block: string, around: AgentSurroundings) {
    this.name = name;
    this.around = around;
    this.#block = block;
    this.disk = new Disk();
    this.calls = new CallCounter(1n);
    this.standing = { reached: zeroRevision, subjects: [] };
    this.endpoints = new AgentEndpoints(this, this.#pool());
    this.#streams = this.#streamsOf(around);
    this.#own = [this.#reporting(), ...this.#streams.machines, ...this.extraMachines(), this.#policy()];
  }

  get machines(): readonly Machine[] {
    const { machines } = this.endpoints;
    if (machines !== this.#ofEndpoints) {
      this.#ofEndpoints = machines;
      this.#all = [...this.#own, ...machines];
    }
    return this.#all;
  }

  /** The agent begins anew, with what its kernel and its state folder hold. */
  restart(): void {
    this.registration = null;
    this.#asked = null;
    this.calls = new CallCounter(this.disk.counter);
    this.#breakConnection();
    this.#isReportDue = true;
    this.#streams.restart();
    this.#wantedIdentity = zeroRevision;
    this.standing = { reached: this.disk.applied.identity, subjects: this.disk.applied.subjects };
    this.endpoints = new AgentEndpoints(this, this.#pool());
    this.endpoints.resume();
  }

  /** The node is another one of the same name: nothing of it is left. */
  replace(): void {
    for (const machine of this.endpoints.machines) this.around.abandon(machine);
    this.kernel = new Kernel();
    this.disk = new Disk();
    this.restart();
  }

  allocator(): AllocatorReplica {
    const { allocators } = this.around;
    return allocators[this.#turns % allocators.length]!;
  }

  turnToOtherReplica(): void {
    this.#turns++;
  }

  sessionOver(registration: bigint): void {
    if (this.registration === registration) this.registration = null;
  }

  /** Has a state applied that includes this revision. */
  want(revision: Revision): void {
    this.#wantedIdentity = laterRevision(this.#wantedIdentity, revision);
    this.#isAsking = true;
  }

  subjectsChanged(): void {
    this.#isAsking = true;
  }

  isEnforceable(identity: number, revision: Revision): boolean {
    return this.isState(identity, revision) && this.kernel.policies.has(identity) && this.kernel.bits.has(identity);
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Where the agent has read the stream `endpoints`; zero: nowhere yet. */
  get addressesAt(): Revision {
    return this.#streams.revisionOf('endpoints');
  }

  /** Whether it has read all that there is, and so knows it for whoever loses it. */
  get knowsAll(): boolean {
    return this.#streams.isCaughtUp;
  }

  // What tests take out.

  /** Rows that the node tells. */
  protected known(rows: readonly PresentedRow[]): readonly PresentedRow[] {
    return rows;
  }

  /** What its endpoints hold, as the allocator is told. */
  protected claims(): readonly Claim[] {
    return heldBy(this.disk.records.values()).map(({ uid, numbers }) => ({
      uid,
      numbers: numbers.map(({ identity, labels, revision }) => ({ number: identity, labels, revision })),
    }));
  }

  /** Whether what may not speak as its number any more stops. */
  get cutsOff(): boolean {
    return true;
  }

  /** What it says of the number that an endpoint had. */
  claimed(identity: number): readonly number[] {
    return [identity];
  }

  /** Whether new endpoints may ask for numbers. */
  get mayAllocate(): boolean {
    return this.#isActive;
  }

  /** Whether no endpoint speaks as what the allocator hasn't confirmed. */
  protected get hasClaimed(): boolean {
    return this.endpoints.records.every(isConfirmed);
  }

  /** Subjects that an answer stands for. */
  protected answered(request: number): readonly number[] {
    return answeredSubjects(this.asked.slice(request - 1));
  }

  protected narrowed(asked: readonly number[]): Standing {
    return { ...this.standing, subjects: answeredSubjects([this.standing.subjects, asked]) };
  }

  /** `isBelieved`: no registration before this one may have been answered to nobody. */
  protected believes(continued: boolean, isBelieved: boolean): boolean {
    return continued && isBelieved;
  }

  protected isState(identity: number, revision: Revision): boolean {
    return isStateFor(this.standing, { identity, revision });
  }

  needed(assignment: Assignment, circumstances: Parameters<typeof neededOfOthers>[1]): ReturnType<typeof neededOfOthers> {
    return neededOfOthers(assignment, circumstances);
  }

  /** The allocator has an address for an endpoint of this node. */
  protected reconcile(uid: string): void {
    this.endpoints.giveBackUnknown(uid);
  }

  protected extraMachines(): readonly Machine[] {
    return [];
  }

  protected stepsOf(bookmark: Bookmark, removed: readonly number[]): ReturnType<typeof stepsOf> {
    return stepsOf({ ...bookmark, removed }, [...this.kernel.bits], () => subjectsOf(this.disk.records.values()));
  }

  /** Revision of identities that an answer must include. */
  protected get askedIdentity(): Revision {
    return laterRevision(this.#wantedIdentity, this.standing.reached);
  }

  protected get reports(): { readonly identities: Revision; readonly endpoints: Revision; readonly nodes: Revision } {
    return {
      identities: this.standing.reached,
      endpoints: this.#streams.revisionOf('endpoints'),
      nodes: this.#streams.revisionOf('nodes'),
    };
  }

  /** Whether the node takes what the compiler sends. */
  protected get mayApply(): boolean {
    return true;
  }

  /** Whether anything of a connection is to be taken yet. */
  protected heard(_connection: Connection): void {}

  #streamsOf({ registry }: AgentSurroundings): NodeStreams {
    const self = this;
    return new NodeStreams({
      name: this.name,
      get kernel() {
        return self.kernel;
      },
      registry,
      onOwn: (uid) => this.reconcile(uid),
      onApplied: () => {
        this.kernel.version++;
        this.#isReportDue = true;
      },
    });
  }

  #pool(): AddressPool {
    return this.disk.pool([prefix(this.#block)]);
  }

  #reporting(): Machine {
    return {
      name: `${this.name} reports`,
      begin: () => {
        if (this.#asked !== null) return this.#present(this.#asked);
        if (this.registration === null) return this.#register();
        if (!this.#isReportDue && this.#mayActivate && this.hasClaimed) return this.#activate(this.registration);
        if (!this.#isReportDue) return this.#untilReport();
        this.#isReportDue = false;
        return this.allocator().report({ node: this.name, registration: this.registration }, this.reports);
      },
      answer: (value) => this.#answered(value as Answer),
      fail: (error) => {
        this.#asked = null;
        const isBehind = error instanceof CallRefused && error.word === 'behind';
        this.#mayActivate = isBehind;
        if (isBehind) this.#activatesAtMs = this.around.nowMs() + activateAgainMs;
        else this.#isReportDue = true;
        if (error instanceof CallRefused && error.prospect === 'new-session') this.registration = null;
        this.turnToOtherReplica();
      },
      describe: () => `has registration ${this.registration}`,
    };
  }

  *#activate(registration: bigint): Doing<unknown> {
    this.#mayActivate = false;
    if (this.around.nowMs() < this.#activatesAtMs) yield { untilMs: this.#activatesAtMs };
    return yield* this.allocator().activate({ node: this.name, registration, counter: this.calls.counter });
  }

  *#register(): Doing<unknown> {
    if (this.around.nowMs() < this.#registersAtMs) yield { untilMs: this.#registersAtMs };
    this.#isBelieved = this.disk.registering.begin();
    return yield* this.allocator().register(this.name);
  }

  /** Tells the allocator what the node knows. */
  #present(beyond: Beyond): Doing<unknown> {
    return this.allocator().present(this.name, this.known(this.#streams.known(beyond)), this.claims());
  }

  *#untilReport(): Doing<undefined> {
    const untilMs = this.#reportedAtMs + reportEveryMs;
    const isReady = () => this.#isReportDue;
    while (!isReady() && this.around.nowMs() < untilMs) yield { untilMs, isReady };
    return undefined;
  }

  #answered(answer: Answer): void {
    if (answer === 'active') this.#isActive = true;
    else if (answer === 'presented') {
      this.#asked = null;
      this.#registersAtMs = this.around.nowMs() + presentAgainMs;
    } else if (answer === undefined) this.#isReportDue = true;
    else if (answer === null) this.#reported();
    else if ('asks' in answer) {
      // Nothing was registered.
      if (this.#isBelieved) this.disk.registering.answered();
      this.#asked = answer.asks;
    } else this.#registered(answer);
  }

  #reported(): void {
    this.#reportedAtMs = this.around.nowMs();
    this.#mayActivate = !this.#isActive;
  }

  #registered({ registration, continued }: Registered): void {
    this.#isReportDue = true;
    this.#reportedAtMs = this.around.nowMs();
    this.#isActive = false;
    this.registration = registration;
    if (!this.believes(continued, this.#isBelieved)) this.endpoints.claimAgain();
    this.disk.registering.answered();
  }

  #policy(): Machine {
    return {
      name: `${this.name} policy`,
      isLocal: true,
      begin: () => this.#nextOfPolicy(),
      answer: () => {},
      fail: () => this.#breakConnection(),
      describe: () => `is at ${this.kernel.policyAt} and ${this.standing.reached.counter}`,
    };
  }

  #nextOfPolicy(): Doing<unknown> | null {
    const { connection } = this;
    if (connection === null || connection.isBroken) return atOnce(() => this.#connect());
    if (this.#isAsking) return atOnce(() => this.#ask(connection));
    this.heard(connection);
    if (!this.mayApply || !connection.messages.some(({ kind }) => kind === 'bookmark')) return null;
    return this.#apply(connection);
  }

  #connect(): null {
    this.#breakConnection();
    const { compilers } = this.around;
    this.connection = compilers[this.#turns++ % compilers.length]!.connect();
    this.asked = [];
    return this.#ask(this.connection);
  }

  #breakConnection(): void {
    this.connection?.compiler.disconnect(this.connection);
    this.connection = null;
  }

  #ask(connection: Connection): null {
    this.#isAsking = false;
    const subjects = subjectsOf(this.disk.records.values());
    this.around.say(`${this.name} asks with ${subjects}`);
    const held = [...this.kernel.policies].flatMap(([identity, { digest }]) =>
      this.disk.policies.get(identity) === digest ? [[identity, digest] as const] : [],
    );
    this.asked.push(subjects);
    this.standing = this.narrowed(subjects);
    const { policy } = this.disk.applied;
    connection.requests.push({ subjects, policyRevision: policy, identityRevision: this.askedIdentity, held: new Map(held) });
    return null;
  }

  /** Takes a state, step by step. */
  *#apply(connection: Connection): Doing<null> {
    const at = connection.messages.findIndex(({ kind }) => kind === 'bookmark');
    const messages = connection.messages.splice(0, at + 1);
    const bookmark = messages.at(-1) as Bookmark;
    const put = messages.flatMap((message) => (message.kind === 'policy' ? [message.policy] : []));
    const removed = messages.flatMap((message) => (message.kind === 'removed' ? [message.identity] : []));
    const { kernel, disk } = this;
    for (const step of this.stepsOf(bookmark, removed)) {
      if (step.kind === 'clear bits') for (const identity of step.identities) kernel.bits.delete(identity);
      if (step.kind === 'set bits') for (const identity of step.identities) kernel.bits.add(identity);
      if (step.kind === 'put policies') {
        for (const policy of put) disk.policies.set(policy.identity, policy.digest);
        for (const policy of put) kernel.policies.set(policy.identity, policy);
        for (const identity of step.removed) kernel.policies.delete(identity);
        kernel.policyAt = Number(bookmark.policyRevision.counter);
      }
      kernel.version++;
      yield undefined;
    }
    const subjects = this.answered(bookmark.request);
    this.standing = { reached: bookmark.identityRevision, subjects };
    disk.applied = { policy: bookmark.policyRevision, identity: bookmark.identityRevision, subjects };
    this.#isReportDue = true;
    const list = (numbers: readonly number[]) => numbers.join(',');
    this.around.say(
      `${this.name} has taken ${disk.applied.policy.counter}, ${disk.applied.identity.counter} for ${list(subjects)}: policies ${list(put.map(({ identity }) => identity))} not ${list(removed)}, bits ${list([...kernel.bits])}`,
    );
    this.endpoints.openWhatCan();
    return null;
  }
}
