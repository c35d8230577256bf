import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, parseAddress } from '@myelin/address';
import type { Revision } from '@myelin/contracts/types';
import { DatapathError, type EndpointTable, type Peer } from '@myelin/datapath';
import {
  type Assignment,
  advance,
  createEndpoint,
  type EndpointEffect,
  type EndpointEvent,
  type EndpointRecord,
  type EndpointSpec,
  isConfirmed,
  isCutOff,
  resume,
  type Step,
  subjectsOf,
} from '@myelin/identity-rules';
import { isMyelinError, type Log, MyelinError } from '@myelin/service';
import type { StreamConsumer } from '@myelin/state-stream';
import type { Allocation, IdentitySession } from '../adapters/identity-session.ts';
import { prospectOf } from '../domain/allocator-answer.ts';
import { labelsOf } from '../domain/endpoint-spec.ts';
import type { EndpointKernel } from './endpoint-kernel.ts';
import type { EndpointStore } from './endpoint-store.ts';
import { EndpointWaiters } from './endpoint-waiters.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { Policies } from './policies.ts';

/** How often it is looked whether endpoints have changed over. */
const confirmAgainMs = 50;
/** How often a claim that is refused is made again, and how long an endpoint speaks as its number where somebody may mend what it is refused for. */
const claimAgainMs = 5000;
const claimWithinMs = 60_000;
/** How long an address' new row usually takes at most to come back from NATS. */
const publishedWithinMs = 2000;

/** What running endpoints needs. */
export interface EndpointsOptions {
  readonly cluster: string;
  readonly store: EndpointStore;
  readonly kernel: EndpointKernel;
  readonly slots: EndpointTable;
  readonly session: IdentitySession;
  readonly policies: Policies;
  readonly others: OtherNodes;
  /** The stream `endpoints`: what has come by it, other nodes can know. */
  readonly addresses: Pick<StreamConsumer<unknown>, 'waitFor'>;
  readonly log: Log;
  /** How long a caller waits for an endpoint to be enforced. */
  readonly createTimeoutMs: number;
  /** Told of every endpoint as it is now, or as it was when it went. */
  readonly onChange: (record: EndpointRecord, isGone: boolean) => void;
}

/** What is under way for one endpoint. */
interface Work {
  /** Aborts the question to the allocator. */
  asking: AbortController;
  /** Kernel work of one endpoint is done one after the other; never rejects. */
  kernel: Promise<void>;
  /** The last detach; rejects when it failed. */
  detached: Promise<void>;
  /** The number whose policy was asked for last. */
  wanted: Assignment | null;
  /** Its addresses were another endpoint's (or that isn't known any more): others must have heard that they are its own (design C5). */
  isReused: boolean;
}

/** Takes endpoints through their lives: every event gives a new record, which is written down, and effects, which are carried out here. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #waiters: EndpointWaiters;
  readonly #work = new Map<string, Work>();
  readonly #stopping = new AbortController();
  #lastError = '';
  /** Endpoints that the allocator holds and this node doesn't know, while they are released; aborted when one comes to be known. */
  readonly #unknown = new Map<string, AbortController>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.#waiters = new EndpointWaiters((uid) => options.store.get(uid), options.createTimeoutMs);
  }

  get records(): readonly EndpointRecord[] {
    return [...this.#options.store.records()];
  }

  /** What failed last, for the status. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Subject identities of the node. */
  subjects(): readonly number[] {
    return subjectsOf(this.#options.store.records());
  }

  /** Entries of the address table that are this node's endpoints'. */
  localPeers(): ReadonlyMap<bigint, readonly [Address, Peer]> {
    return new Map(this.records.flatMap((record) => this.#options.kernel.peers(record)).map((entry) => [entry[0].value, entry]));
  }

  /** Goes on with what an earlier process wrote down. Call once, with the policies in the maps. */
  async resume(): Promise<void> {
    const { kernel, slots, log } = this.#options;
    for (const record of this.records) {
      const linkExists = kernel.hasLink(record);
      if (linkExists && record.linked) await kernel.adopt(record);
      if (!linkExists && record.linked) await kernel.forget(record);
      slots.keep(record.slot);
      this.#take(record.spec.uid, resume(record, linkExists));
    }
    const known = new Set(this.records.map(({ slot }) => slot));
    for (const { slot, ifindex } of slots.entries()) {
      if (!known.has(slot)) log.warn({ slot, ifindex }, 'the kernel has an endpoint that is not written down: it is left as it is');
    }
  }

  /** Makes an endpoint, or waits for one that is being made; resolves when its policy is enforced. */
  async create(spec: EndpointSpec): Promise<EndpointRecord> {
    const existing = this.#options.store.get(spec.uid);
    if (existing === undefined) return this.#createNew(spec);
    if (existing.state === 'deleting' || existing.state === 'failed') {
      await this.delete(spec.uid, 'released');
      return this.#createNew(spec);
    }
    if (!this.#sameIdentity(existing.spec, spec)) return this.update(spec);
    return existing.state === 'ready' ? existing : this.#waiters.untilReady(spec.uid);
  }

  /** New labels or named ports. Throws `not_found`. */
  async update(spec: EndpointSpec): Promise<EndpointRecord> {
    const { store } = this.#options;
    const existing = store.get(spec.uid);
    if (existing === undefined || existing.state === 'deleting')
      throw new MyelinError('not_found', `there is no endpoint ${spec.uid} on this node`);
    if (existing.state === 'failed') throw new MyelinError('failed_precondition', `the endpoint ${spec.uid} ${existing.message}`);
    this.#stopAsking(spec.uid);
    this.#dispatch(spec.uid, { kind: 'updated', spec });
    return this.#waiters.untilReady(spec.uid);
  }

  /** Takes an endpoint away. `detached`: resolves when it is cut off, the allocator is told in the background; `released`: when it was told. Unknown is success. */
  async delete(uid: string, until: 'detached' | 'released' = 'detached'): Promise<void> {
    if (this.#options.store.get(uid) === undefined) return;
    this.#stopAsking(uid);
    this.#dispatch(uid, { kind: 'delete' });
    if (until === 'detached') await this.#workOf(uid).detached;
    else await this.#waiters.until(uid, (record) => record === null);
  }

  /** Looks which endpoints can be opened; called after each state of policies. */
  policiesApplied(): void {
    for (const record of this.records) this.#openIfPossible(record);
  }

  /**
   * Gives back what the allocator holds for endpoints of this node that the node doesn't know: an earlier process was lost between asking and writing down, or its state folder was, and its call may even have been carried out since.
   * `held`: UIDs of a batch of the stream, of the complete snapshot first. One that has been given back already is given back once more: that changes nothing.
   */
  reconcileHeld(held: Iterable<string>): void {
    const { store, session, log } = this.#options;
    for (const uid of new Set(held)) {
      if (store.get(uid) !== undefined || this.#unknown.has(uid)) continue;
      const wanted = new AbortController();
      this.#unknown.set(uid, wanted);
      log.info({ uid }, 'the allocator announces an endpoint that this node does not know: it is released');
      const signal = AbortSignal.any([wanted.signal, this.#stopping.signal]);
      session
        .release(uid, 0, signal)
        .catch((error) => this.#notReleased(uid, error, signal))
        .finally(() => this.#unknown.get(uid) === wanted && this.#unknown.delete(uid));
    }
  }

  /**
   * The allocator holds nothing of this node any more: each endpoint claims its addresses and its number again. Where it gets another number, or is refused one, it stops speaking as the old one at
   * once (C1): that may be another label set's by now.
   */
  claimAgain(): void {
    for (const { spec, state } of this.records) {
      if (state === 'deleting' || state === 'failed') continue;
      this.#stopAsking(spec.uid);
      this.#dispatch(spec.uid, { kind: 'disowned' });
    }
  }

  /** Resolves when no endpoint speaks as a number that it asks to have confirmed: it got that one again, or is cut off. Rejects when `signal` aborts. */
  async confirmed(signal: AbortSignal): Promise<void> {
    for (const { spec } of this.records) {
      const isOver = () => {
        const record = this.#options.store.get(spec.uid);
        return record === undefined || isConfirmed(record);
      };
      while (!isOver()) await sleep(confirmAgainMs, undefined, { signal });
    }
  }

  /** Stops asking; the endpoints stay as they are. */
  stop(): void {
    this.#stopping.abort();
    for (const { asking } of this.#work.values()) asking.abort();
    this.#waiters.rejectAll(new MyelinError('unavailable', 'the node agent is stopping'));
  }

  #openIfPossible({ spec, assigned, state }: EndpointRecord): void {
    const { policies, others } = this.#options;
    if (state !== 'waiting-for-policy' || assigned === null) return;
    const refusal = policies.refusal(assigned.identity);
    if (policies.isEnforceable(assigned.identity, assigned.revision)) {
      const standing = others.standing(spec.uid, assigned);
      if (standing?.isOver) this.#dispatch(spec.uid, { kind: 'policy-applied', identity: assigned.identity, message: standing.message });
    } else if (refusal !== null) {
      // It goes on waiting: with the next change there may be room.
      this.#dispatch(spec.uid, { kind: 'policy-refused', message: refusal.message });
      this.#waiters.reject(spec.uid, new MyelinError('resource_exhausted', refusal.message));
    }
  }

  /** Waits until other nodes have applied the number too (design C6), beside everything else. */
  #awaitOthers(uid: string, allocation: Allocation): void {
    const { others, store } = this.#options;
    const { asking, isReused } = this.#workOf(uid);
    // One that has spoken already has been heard of.
    const isNew = store.get(uid)?.inForce === null;
    others.begin(uid, allocation, isNew && isReused, asking.signal, () => {
      const record = store.get(uid);
      if (record !== undefined) this.#openIfPossible(record);
    });
  }

  async #createNew(spec: EndpointSpec): Promise<EndpointRecord> {
    const { store, slots } = this.#options;
    this.#unknown.get(spec.uid)?.abort();
    const wanted = spec.addresses.map(parseAddress).filter((address) => address !== null);
    const { addresses, isReused } = store.takeAddresses(spec.uid, wanted);
    let slot: number;
    try {
      slot = slots.reserve();
    } catch (error) {
      store.giveBack(
        spec.uid,
        addresses.map(parseAddress).filter((address) => address !== null),
      );
      throw toMyelinError(error);
    }
    this.#workOf(spec.uid).isReused = isReused;
    this.#take(spec.uid, createEndpoint(spec, addresses, slot));
    return this.#waiters.untilReady(spec.uid);
  }

  #sameIdentity(a: EndpointSpec, b: EndpointSpec): boolean {
    const labels = (spec: EndpointSpec) => labelsOf(spec, this.#options.cluster).join(';');
    return labels(a) === labels(b);
  }

  #workOf(uid: string): Work {
    const known = this.#work.get(uid);
    if (known !== undefined) return known;
    const work: Work = {
      asking: new AbortController(),
      kernel: Promise.resolve(),
      detached: Promise.resolve(),
      wanted: null,
      isReused: true,
    };
    this.#work.set(uid, work);
    return work;
  }

  /** What the allocator answers to an earlier question isn't wanted any more. */
  #stopAsking(uid: string): void {
    const work = this.#workOf(uid);
    work.asking.abort();
    work.asking = new AbortController();
  }

  #dispatch(uid: string, event: EndpointEvent): void {
    const record = this.#options.store.get(uid);
    if (record !== undefined) this.#take(uid, advance(record, event));
  }

  /** Writes a step's record down, tells whoever waits, and begins its effects. */
  #take(uid: string, { record, effects }: Step): void {
    const { store, onChange } = this.#options;
    if (record !== null && record !== store.get(uid)) store.put(record);
    const current = record ?? store.get(uid)!;
    for (const effect of effects) this.#carryOut(uid, current, effect);
    onChange(current, record === null);
    this.#waiters.changed(uid, record);
    if (record === null) this.#work.delete(uid);
    if (record === null) this.#options.others.forget(uid);
  }

  #carryOut(uid: string, record: EndpointRecord, effect: EndpointEffect): void {
    const { policies, store, log } = this.#options;
    switch (effect) {
      case 'link':
        this.#inKernel(uid, () => this.#link(uid, record));
        break;
      case 'identify':
        void this.#identify(uid, record);
        break;
      case 'await-policy':
        this.#want(uid, record.assigned!);
        // Asked already, unless an earlier process was told the number.
        this.#awaitOthers(uid, { assignment: record.assigned!, isAppliedByOthers: false });
        queueMicrotask(() => this.policiesApplied());
        break;
      case 'enforce':
        this.#enforce(uid, record);
        break;
      case 'cut-off':
        log.warn(
          { uid, number: store.get(uid)?.assigned?.identity ?? null },
          'an endpoint may not speak as its number any more: it is cut off',
        );
        this.#cutOff(uid, record);
        break;
      case 'settle':
        void this.#settle(uid, record.inForce!.identity);
        break;
      case 'detach':
        this.#workOf(uid).detached = this.#inKernel(uid, () => this.#detach(uid, record));
        break;
      case 'release':
        policies.subjectsChanged();
        void this.#release(uid);
        break;
      case 'forget':
        store.remove(record);
        break;
    }
  }

  async #link(uid: string, record: EndpointRecord): Promise<void> {
    const { kernel, store } = this.#options;
    if (store.get(uid)?.state === 'deleting') return;
    await kernel.link(record);
    this.#dispatch(uid, { kind: 'linked' });
  }

  /** What is refused is this endpoint's affair: others that the same state of policies opens go on. */
  #enforce(uid: string, record: EndpointRecord): void {
    try {
      this.#options.kernel.enforce(record);
    } catch (error) {
      this.#fail(uid, error);
    }
  }

  #cutOff(uid: string, record: EndpointRecord): void {
    try {
      this.#options.kernel.cutOff(record);
    } catch (error) {
      this.#fail(uid, error);
    }
  }

  async #detach(uid: string, record: EndpointRecord): Promise<void> {
    await this.#options.kernel.detach(record);
    this.#dispatch(uid, { kind: 'detached' });
  }

  /** One endpoint's kernel work never overlaps: a detach waits for the link that is being made. What fails takes a new endpoint back. */
  #inKernel(uid: string, act: () => Promise<void>): Promise<void> {
    const work = this.#workOf(uid);
    const done = work.kernel.then(act);
    work.kernel = done.catch((error) => this.#fail(uid, error));
    return done;
  }

  async #identify(uid: string, record: EndpointRecord): Promise<void> {
    const { signal } = this.#workOf(uid).asking;
    const sinceMs = performance.now();
    for (;;) {
      try {
        return await this.#askFor(uid, record, signal);
      } catch (error) {
        if (signal.aborted) return;
        const isDisowned = this.#options.store.get(uid)?.disowned === true;
        if (!isDisowned) return this.#fail(uid, error);
        this.#refused(uid, error, performance.now() - sinceMs);
      }
      await sleep(claimAgainMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  }

  /** A claim is refused: what can't succeed cuts the endpoint off at once, what somebody may mend after a while. It is asked again either way. */
  #refused(uid: string, error: unknown, elapsedMs: number): void {
    this.#lastError = (error as Error).message;
    this.#options.log.error(
      { uid, reason: this.#lastError },
      'the allocator refuses an endpoint the number that it has: it is asked again',
    );
    this.#waiters.reject(uid, error);
    const isFinal = !isMyelinError(error) || prospectOf(error.code) === 'never';
    if (isFinal || elapsedMs >= claimWithinMs) this.#dispatch(uid, { kind: 'refused', message: this.#lastError });
  }

  async #askFor(uid: string, { spec, addresses, inForce }: EndpointRecord, signal: AbortSignal): Promise<void> {
    const { session, cluster, store } = this.#options;
    const claim = { uid, namespace: spec.namespace, name: spec.name, labels: labelsOf(spec, cluster), addresses };
    const claimed = inForce?.identity ?? 0;
    const allocation = await session.allocate({ ...claim, claimed }, signal);
    // A newer question is under way, or the endpoint is going: this answer is to the old one.
    if (signal.aborted || store.get(uid)?.spec !== spec) return;
    this.#awaitOthers(uid, allocation);
    this.#dispatch(uid, { kind: 'identified', assignment: allocation.assignment });
    // The policy is there when the interface is. Whoever has one waits for the policy by now, or speaks as that number already and needs nothing.
    if (store.get(uid)?.state === 'creating') this.#want(uid, allocation.assignment);
  }

  /** Has the policy of a number applied that is among the subjects by now, asked for once. */
  #want(uid: string, assignment: Assignment): void {
    const work = this.#workOf(uid);
    if (work.wanted === assignment) return;
    work.wanted = assignment;
    this.#options.policies.want(assignment.revision);
  }

  /**
   * Tells everybody that the endpoint speaks as another number now. Only when they can know it is what it had before given back: its number may be the last reference, and an identity that nobody
   * has is cut off everywhere (design C6).
   */
  async #settle(uid: string, identity: number): Promise<void> {
    const { session, policies, store, log } = this.#options;
    const { signal } = this.#workOf(uid).asking;
    try {
      const published = await session.moveAddresses(uid, identity, signal);
      await this.#published(published, signal);
      await this.#options.others.applied(uid, { endpoints: published }, `its addresses as identity ${identity}`, signal);
      signal.throwIfAborted();
      await session.release(uid, identity, signal);
      if (signal.aborted) return;
      this.#dispatch(uid, { kind: 'settled', identity, published });
      policies.subjectsChanged();
    } catch (error) {
      if (signal.aborted) return;
      this.#lastError = (error as Error).message;
      log.error(
        { uid, identity, reason: this.#lastError },
        'the allocator does not know the number of an endpoint: it is asked for one again',
      );
      const record = store.get(uid);
      if (record !== undefined && isMyelinError(error, 'not_found')) this.#dispatch(uid, { kind: 'updated', spec: record.spec });
    }
  }

  async #published(revision: Revision, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#options.addresses.waitFor(revision, publishedWithinMs);
        return;
      } catch (error) {
        if (signal.aborted || !isMyelinError(error, 'deadline_exceeded')) throw error;
        this.#options.log.warn(
          { reason: (error as Error).message },
          'an address is not published under its new number yet: the old one is kept',
        );
      }
    }
  }

  async #release(uid: string): Promise<void> {
    const { signal } = this.#workOf(uid).asking;
    try {
      await this.#options.session.release(uid, 0, signal);
    } catch (error) {
      this.#notReleased(uid, error, signal);
    }
    if (!signal.aborted) this.#dispatch(uid, { kind: 'released' });
  }

  /** A Release that the allocator will never accept is about nothing that it could have given: the endpoint is forgotten. If it holds something after all, the next start finds it. */
  #notReleased(uid: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#lastError = (error as Error).message;
    this.#options.log.error({ uid, reason: this.#lastError }, 'the release of an endpoint was refused for good: it is forgotten');
  }

  /** A new endpoint that can't be made is taken back; one that is in force keeps what it has. */
  #fail(uid: string, error: unknown): void {
    const record = this.#options.store.get(uid);
    const refusal = toMyelinError(error);
    this.#lastError = refusal instanceof Error ? refusal.message : String(refusal);
    this.#options.log.error({ uid, reason: this.#lastError, err: isMyelinError(refusal) ? undefined : error }, 'endpoint failed');
    this.#waiters.reject(uid, refusal);
    if (record !== undefined && record.state !== 'deleting' && record.inForce === null && !isCutOff(record))
      this.delete(uid).catch(() => {});
  }
}

function toMyelinError(error: unknown): unknown {
  if (!(error instanceof DatapathError)) return error;
  return new MyelinError(error.code === 'full' ? 'resource_exhausted' : 'failed_precondition', error.message, { cause: error });
}
