import { type Address, parseAddress } from '@myelin/address';
import { DatapathError, type EndpointTable, type Peer } from '@myelin/datapath';
import { isMyelinError, type Log, MyelinError } from '@myelin/service';
import type { IdentitySession } from '../adapters/identity-session.ts';
import {
  advance,
  createEndpoint,
  type EndpointEffect,
  type EndpointEvent,
  type EndpointRecord,
  type EndpointSpec,
  resume,
  type Step,
  subjectsOf,
} from '../domain/endpoint.ts';
import { labelsOf } from '../domain/endpoint-spec.ts';
import type { EndpointKernel } from './endpoint-kernel.ts';
import type { EndpointStore } from './endpoint-store.ts';
import type { Policies } from './policies.ts';

/** What running endpoints needs. */
export interface EndpointsOptions {
  readonly cluster: string;
  readonly store: EndpointStore;
  readonly kernel: EndpointKernel;
  readonly slots: EndpointTable;
  readonly session: IdentitySession;
  readonly policies: Policies;
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
  /** Callers that wait until it is ready, or gone. */
  readonly waiting: Set<{ readonly resolve: (record: EndpointRecord | null) => void; readonly reject: (error: unknown) => void }>;
}

/** Takes endpoints through their lives: every event gives a new record, which is written down, and effects, which are carried out here. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #work = new Map<string, Work>();
  readonly #stopping = new AbortController();
  #lastError = '';
  #reconciled = false;

  constructor(options: EndpointsOptions) {
    this.#options = options;
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
  resume(): void {
    const { kernel, slots, log } = this.#options;
    for (const record of this.records) {
      const linkExists = kernel.hasLink(record);
      if (linkExists && record.linked) kernel.adopt(record);
      if (!linkExists && record.linked) kernel.forget(record);
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
    return existing.state === 'ready' ? existing : this.#untilReady(spec.uid);
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
    return this.#untilReady(spec.uid);
  }

  /** Takes an endpoint away. `detached`: resolves when it is cut off, the allocator is told in the background; `released`: when it was told. Unknown is success. */
  async delete(uid: string, until: 'detached' | 'released' = 'detached'): Promise<void> {
    if (this.#options.store.get(uid) === undefined) return;
    this.#stopAsking(uid);
    this.#dispatch(uid, { kind: 'delete' });
    if (until === 'detached') await this.#workOf(uid).detached;
    else await this.#until(uid, (record) => record === null);
  }

  /** Looks which endpoints can be opened; called after each state of policies. */
  policiesApplied(): void {
    const { policies } = this.#options;
    for (const { spec, assigned, state } of this.records) {
      if (state !== 'waiting-for-policy' || assigned === null) continue;
      const refusal = policies.refusal(assigned.identity);
      if (policies.isEnforceable(assigned.identity, assigned.revision))
        this.#dispatch(spec.uid, { kind: 'policy-applied', identity: assigned.identity });
      else if (refusal !== null) this.#rejectWaiting(spec.uid, new MyelinError('resource_exhausted', refusal.message));
    }
  }

  /**
   * Gives back what the allocator holds for endpoints of this node that the node doesn't know: an earlier process was lost between asking and writing down, or its state folder
   * was. `held`: their UIDs in the first complete snapshot; later ones are this process' own doing.
   */
  reconcileHeld(held: Iterable<string>): void {
    if (this.#reconciled) return;
    this.#reconciled = true;
    const { store, session, log } = this.#options;
    for (const uid of new Set(held)) {
      if (store.get(uid) !== undefined) continue;
      log.warn({ uid }, 'the allocator holds an endpoint that this node does not know: it is released');
      session.release(uid, this.#stopping.signal).catch(() => {});
    }
  }

  /** Stops asking; the endpoints stay as they are. */
  stop(): void {
    this.#stopping.abort();
    for (const [uid, { asking }] of this.#work) {
      asking.abort();
      this.#rejectWaiting(uid, new MyelinError('unavailable', 'the node agent is stopping'));
    }
  }

  async #createNew(spec: EndpointSpec): Promise<EndpointRecord> {
    const { store, slots } = this.#options;
    const wanted = spec.addresses.map(parseAddress).filter((address) => address !== null);
    const addresses = store.takeAddresses(spec.uid, wanted);
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
    this.#take(spec.uid, createEndpoint(spec, addresses, slot));
    return this.#untilReady(spec.uid);
  }

  #sameIdentity(a: EndpointSpec, b: EndpointSpec): boolean {
    const labels = (spec: EndpointSpec) => labelsOf(spec, this.#options.cluster).join(';');
    return labels(a) === labels(b);
  }

  #untilReady(uid: string): Promise<EndpointRecord> {
    return this.#until(uid, (record) => record?.state === 'ready' || record === null).then((record) => {
      if (record !== null) return record;
      throw new MyelinError('aborted', `the endpoint ${uid} was deleted meanwhile`);
    });
  }

  /** Resolves with the first record that `isEnough`; throws what made it impossible, or `deadline_exceeded`. */
  #until(uid: string, isEnough: (record: EndpointRecord | null) => boolean): Promise<EndpointRecord | null> {
    const now = this.#options.store.get(uid) ?? null;
    if (isEnough(now)) return Promise.resolve(now);
    const { promise, resolve, reject } = Promise.withResolvers<EndpointRecord | null>();
    const waiter = { resolve: (record: EndpointRecord | null) => isEnough(record) && resolve(record), reject };
    const { waiting } = this.#workOf(uid);
    waiting.add(waiter);
    const timer = setTimeout(() => reject(this.#tooLate(uid)), this.#options.createTimeoutMs);
    return promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(waiter);
    });
  }

  #tooLate(uid: string): MyelinError {
    const record = this.#options.store.get(uid);
    const who = record === undefined ? uid : `${record.spec.namespace}/${record.spec.name}`;
    const why = record?.message || (record?.assigned === null ? 'waits for its identity' : 'is not there yet');
    return new MyelinError('deadline_exceeded', `the endpoint ${who} ${why}; it goes on being made, ask again`);
  }

  #rejectWaiting(uid: string, error: unknown): void {
    for (const { reject } of this.#workOf(uid).waiting) reject(error);
  }

  #workOf(uid: string): Work {
    const known = this.#work.get(uid);
    if (known !== undefined) return known;
    const work: Work = { asking: new AbortController(), kernel: Promise.resolve(), detached: Promise.resolve(), waiting: new Set() };
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
    for (const { resolve } of this.#workOf(uid).waiting) resolve(record);
    if (record === null) this.#work.delete(uid);
  }

  #carryOut(uid: string, record: EndpointRecord, effect: EndpointEffect): void {
    const { kernel, policies, store } = this.#options;
    switch (effect) {
      case 'link':
        this.#inKernel(uid, () => this.#link(uid, record));
        break;
      case 'identify':
        void this.#identify(uid, record);
        break;
      case 'await-policy':
        policies.want(record.assigned!.revision);
        queueMicrotask(() => this.policiesApplied());
        break;
      case 'enforce':
        kernel.enforce(record);
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

  async #identify(uid: string, { spec, addresses }: EndpointRecord): Promise<void> {
    const { session, cluster } = this.#options;
    const labels = labelsOf(spec, cluster);
    const { signal } = this.#workOf(uid).asking;
    try {
      const assignment = await session.allocate({ uid, namespace: spec.namespace, name: spec.name, labels, addresses }, signal);
      // A newer question is under way, or the endpoint is going: this answer is to the old one.
      if (!signal.aborted && this.#options.store.get(uid)?.spec === spec) this.#dispatch(uid, { kind: 'identified', assignment });
    } catch (error) {
      if (!signal.aborted) this.#fail(uid, error);
    }
  }

  async #release(uid: string): Promise<void> {
    const { session, log } = this.#options;
    try {
      await session.release(uid, this.#workOf(uid).asking.signal);
      this.#dispatch(uid, { kind: 'released' });
    } catch (error) {
      log.warn({ uid, reason: (error as Error).message }, 'an endpoint could not be released: tried again after the next start');
    }
  }

  /** A new endpoint that can't be made is taken back; one that is in force keeps what it has. */
  #fail(uid: string, error: unknown): void {
    const record = this.#options.store.get(uid);
    const refusal = toMyelinError(error);
    this.#lastError = refusal instanceof Error ? refusal.message : String(refusal);
    this.#options.log.error({ uid, reason: this.#lastError, err: isMyelinError(refusal) ? undefined : error }, 'endpoint failed');
    this.#rejectWaiting(uid, refusal);
    if (record !== undefined && record.state !== 'deleting' && record.inForce === null) this.delete(uid).catch(() => {});
  }
}

function toMyelinError(error: unknown): unknown {
  if (!(error instanceof DatapathError)) return error;
  return new MyelinError(error.code === 'full' ? 'resource_exhausted' : 'failed_precondition', error.message, { cause: error });
}
