import { formatPrefix, type Prefix, parsePrefix } from '@myelin/address';
import type { Revision } from '@myelin/contracts/types';
import type { AddressTable, AppliedIdentities, DatapathError, KernelTables } from '@myelin/datapath';
import type { Decider } from '@myelin/flow-api';
import { answeredSubjects, isStateFor, type StateStep, stepsOf } from '@myelin/identity-rules';
import { identityRanges, isNodeLocal } from '@myelin/labels';
import { type Allocation, type LocalChange, Localizer, type Origin, type PrefixRow } from '@myelin/policy-localize';
import type { CompiledPolicy } from '@myelin/policy-model';
import { laterRevision, zeroRevision } from '@myelin/revision';
import type { Log } from '@myelin/service';
import type { PolicyBatch, PolicyWishes } from '../adapters/policy-subscription.ts';
import type { StateFolder } from '../adapters/state-folder.ts';
import type { PolicyNames } from './names.ts';
import { type PolicyTables, PolicyWriter } from './policy-writer.ts';

const numbersFile = 'numbers';
const appliedFile = 'applied';
const rangesFile = 'ranges';
const policyFile = (identity: number) => `policies/${identity}`;

/** Where the node stands, by component, and the subjects that it is complete for: the policy of any other one may be older, wherever it comes from (design C6). */
export interface AppliedState {
  readonly policy: Revision;
  readonly identity: Revision;
  readonly subjects: readonly number[];
}

/** The tables that policies need. */
export interface PolicyKernel extends PolicyTables {
  readonly appliedIdentities: AppliedIdentities;
  readonly addresses: AddressTable;
  readTables(): Promise<KernelTables>;
}

/** What the kernel holds between two changes, and what it stands for. */
export interface PolicyReceipt {
  readonly applied: AppliedState;
  readonly tables: KernelTables;
  readonly originOf: (number: number) => Origin | null;
}

/** What keeping policies needs. */
export interface PoliciesOptions {
  readonly kernel: PolicyKernel;
  readonly state: StateFolder;
  readonly log: Log;
  /** Identities that the node's endpoints have or wait for. */
  readonly subjects: () => readonly number[];
  /** Called after each state that has been applied. */
  readonly onApplied: () => void;
  /** Called when the compiler should be asked again. */
  readonly onWishes: () => void;
  /** Seconds from a state's arrival until it was in the kernel. */
  readonly onDelay: (seconds: number) => void;
}

/**
 * The policies of this node's subjects: what the compiler said, its node-local form, and the kernel's tables. States are applied one after the other, each in the order of design C6: bits of dropped
 * identities are cleared, policies applied, bits of included identities set, then the revision counts as applied. Numbers are written down before the kernel sees them.
 */
export class Policies implements PolicyNames {
  readonly #options: PoliciesOptions;
  readonly #localizer: Localizer;
  readonly #compiled = new Map<number, CompiledPolicy>();
  readonly #tables: PolicyWriter;
  #applied: AppliedState;
  /** The newest state that the kernel has but for policies that found no room. */
  #reached: Revision;
  #wantedIdentity: Revision = zeroRevision;
  #problems: readonly string[] = [];
  #queue: Promise<void> = Promise.resolve();
  #prefixTexts: ReadonlyMap<number, string> = new Map();

  constructor(options: PoliciesOptions) {
    this.#options = options;
    const { state } = options;
    const allocation = state.read<Allocation>(numbersFile);
    this.#tables = new PolicyWriter(options.kernel, options.log);
    this.#localizer = allocation === null ? new Localizer() : new Localizer(allocation);
    this.#applied = { policy: zeroRevision, identity: zeroRevision, subjects: [], ...state.read<AppliedState>(appliedFile) };
    this.#reached = this.#applied.identity;
  }

  /** Brings the kernel to what was written down: after a restart nothing but what an interrupted change left undone. */
  async restore(): Promise<void> {
    const { state } = this.#options;
    const put = state.list('policies').map((file) => state.read<CompiledPolicy>(file)!);
    const clusterRanges = this.storedRanges().flatMap((text) => parsePrefix(text) ?? []);
    await this.#enqueue(() => this.#change({ put, clusterRanges }));
  }

  /** Cluster ranges that an earlier process was told. */
  storedRanges(): readonly string[] {
    return this.#options.state.read<readonly string[]>(rangesFile) ?? [];
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  get applied(): AppliedState {
    return this.#applied;
  }

  /** Identities included up to this revision of their stream have their bits set, those dropped have not. */
  get reached(): Revision {
    return this.#reached;
  }

  /** What keeps the node from what the compiler said, a line each. */
  get problems(): readonly string[] {
    return [...this.#tables.refusals().map(({ message }) => message), ...this.#problems];
  }

  /** Has the policy of an identity applied, in a state that includes `revision`; ask `isEnforceable` after each state whether it is. */
  want(revision: Revision): void {
    this.#wantedIdentity = laterRevision(this.#wantedIdentity, revision);
    this.#options.onWishes();
  }

  /** Asks again with the subjects that the node has now. */
  subjectsChanged(): void {
    this.#options.onWishes();
  }

  /** What to ask the compiler for, which this node stands by from now on: a subject that isn't among them is not opened at the state that it has. */
  wishes(): PolicyWishes {
    const subjects = this.#options.subjects();
    this.#applied = { ...this.#applied, subjects: answeredSubjects([this.#applied.subjects, subjects]) };
    const held = this.#options.kernel.policies.identities().flatMap((identity) => {
      const digest = this.digest(identity);
      return digest === null || this.#compiled.get(identity)?.digest !== digest ? [] : [[identity, digest] as const];
    });
    return {
      subjects,
      policyRevision: this.#applied.policy,
      // A replica that lags behind would take the node back (design C3).
      identityRevision: laterRevision(this.#wantedIdentity, this.#reached),
      held: new Map(held),
    };
  }

  /**
   * Whether an endpoint of this identity, assigned at `revision`, may be opened: its policy is in the maps, at a state that accounts for the identity wherever there was room for it. A
   * subject whose new policy was refused goes by its old one (design C8) and holds up nobody else.
   */
  isEnforceable(identity: number, revision: Revision): boolean {
    if (!isStateFor({ reached: this.#reached, subjects: this.#applied.subjects }, { identity, revision })) return false;
    if (this.#tables.refusal(identity) !== null || this.digest(identity) === null) return false;
    const { first, last } = identityRanges.cluster;
    const needsBit = identity >= first && identity <= last;
    return !needsBit || this.#options.kernel.appliedIdentities.has(identity);
  }

  /** Why the policy of an identity could not be written; null when nothing was refused. */
  refusal(identity: number): DatapathError | null {
    return this.#tables.refusal(identity);
  }

  /** Digest of what the kernel enforces for an identity, read back; null: nothing. */
  digest(identity: number): string | null {
    return this.#options.kernel.policies.read(identity)?.digest ?? null;
  }

  /** Isolation as the kernel has it; null: no policy. */
  isolation(identity: number): { readonly ingress: boolean; readonly egress: boolean } | null {
    const head = this.#options.kernel.policies.read(identity);
    return head === null ? null : { ingress: head.ingressIsolated, egress: head.egressIsolated };
  }

  /** Subjects whose kernel tables don't hold what was applied: empty on a sound node. */
  deviations(): readonly number[] {
    return [...this.#compiled.values()].filter(({ identity, digest }) => this.digest(identity) !== digest).map(({ identity }) => identity);
  }

  /** Applies a complete state of the compiler. */
  applyBatch(batch: PolicyBatch): Promise<void> {
    return this.#enqueue(() => this.#applyBatch(batch));
  }

  /** Reads the kernel's tables when no change is under way. */
  receipt(): Promise<PolicyReceipt> {
    return this.#enqueue(async () => ({
      applied: this.#applied,
      tables: await this.#options.kernel.readTables(),
      originOf: (number) => this.#localizer.origin(number),
    }));
  }

  /** All pod ranges of the cluster: addresses in them that nobody has are unknown (design D4). */
  setClusterRanges(ranges: readonly Prefix[]): Promise<void> {
    this.#options.state.write(rangesFile, ranges.map(formatPrefix));
    return this.#enqueue(() => this.#change({ clusterRanges: ranges }));
  }

  decider(origin: number): Decider | null {
    return this.#localizer.origin(origin);
  }

  prefixOf(identity: number): string | null {
    return this.#prefixTexts.get(identity) ?? null;
  }

  #enqueue<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(change);
    this.#queue = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  async #applyBatch({ policies, removed, subjects, bookmark }: PolicyBatch): Promise<void> {
    const started = performance.now();
    const { kernel, state, log, onApplied, onDelay } = this.#options;
    const { identitiesIncluded: included, identitiesDropped: dropped, complete } = bookmark;
    // The compiler may have lost sight of an identity that pods here still have: what is in force for them stays (design C4).
    for (const step of stepsOf({ removed, included, dropped, complete }, kernel.appliedIdentities.entries(), this.#options.subjects))
      await this.#takeStep(step, policies);
    this.#problems = bookmark.problems;
    const { policyRevision = zeroRevision, identityRevision = zeroRevision } = bookmark;
    this.#reached = identityRevision;
    const isWhole = this.#tables.refusals().length === 0;
    this.#applied = isWhole ? { policy: policyRevision, identity: identityRevision, subjects } : { ...this.#applied, subjects };
    state.write(appliedFile, this.#applied);
    onDelay((performance.now() - started) / 1000);
    log.debug({ policies: policies.length, included: included.length, dropped: dropped.length }, 'policy state applied');
    onApplied();
  }

  async #takeStep(step: StateStep, put: readonly CompiledPolicy[]): Promise<void> {
    const { kernel } = this.#options;
    if (step.kind === 'put policies') return this.#change({ put, removed: step.removed });
    if (step.kind === 'set bits') {
      kernel.appliedIdentities.set(step.identities);
      return;
    }
    const cleared = kernel.appliedIdentities.clear(step.identities);
    if (cleared.length > 0) await kernel.addresses.touch(new Set(cleared));
  }

  async #change(change: LocalChange): Promise<void> {
    const { state } = this.#options;
    for (const policy of change.put ?? []) {
      if (this.#compiled.get(policy.identity)?.digest !== policy.digest) state.write(policyFile(policy.identity), policy);
      this.#compiled.set(policy.identity, policy);
    }
    for (const identity of change.removed ?? []) this.#compiled.delete(identity);
    const steps = this.#localizer.update(change);
    state.write(numbersFile, this.#localizer.allocation());
    await this.#tables.write(steps, this.#localizer.prefixRows());
    for (const identity of change.removed ?? []) state.remove(policyFile(identity));
    this.#prefixTexts = prefixTexts(this.#localizer.prefixRows());
  }
}

/** Texts of the prefixes that have a node-local identity. */
function prefixTexts(rows: readonly PrefixRow[]): ReadonlyMap<number, string> {
  return new Map(rows.filter(({ identity }) => isNodeLocal(identity)).map(({ identity, prefix }) => [identity, formatPrefix(prefix)]));
}
