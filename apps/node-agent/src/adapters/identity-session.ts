import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, formatAddress, formatPrefix, type Prefix } from '@myelin/address';
import {
  type EndpointClaim,
  IdentityServiceService,
  type KnownRow,
  type RegisterNodeResponse,
  type Session,
} from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import { type Assignment, CallCounter, type EndpointRecord, heldBy, RegistrationAttempts } from '@myelin/identity-rules';
import { laterRevision, zeroRevision } from '@myelin/revision';
import { type Channel, clientOf, isMyelinError, isTransient, type MyelinError, type RpcClient } from '@myelin/rpc';
import { type Condition, Gate, type Log, type Readiness } from '@myelin/service';
import type { Counter, Meter } from '@opentelemetry/api';
import { prospectOf } from '../domain/allocator-answer.ts';
import type { Blocks } from './blocks.ts';
import type { StateFolder } from './state-folder.ts';

const file = 'session';
const retryMs = 300;
/** How long the allocator may wait for other nodes: it gives up after a second itself. */
const othersWithinMs = 1500;
const activateRetryMs = 50;
/** Rows in one message. */
const rowsAtOnce = 2000;

/** What the node says of itself. */
export interface NodeDescription {
  readonly name: string;
  readonly uid: string;
  readonly addresses: readonly Address[];
}

/** What a session needs. */
export interface IdentitySessionOptions {
  readonly node: NodeDescription;
  readonly blocks: Pick<Blocks, 'known'>;
  readonly channel: Channel;
  readonly state: StateFolder;
  readonly log: Log;
  readonly meter: Meter;
  readonly readiness: Readiness;
  /** After how long a call is sent again that somebody has to make possible first. */
  readonly refusedRetryMs: number;
  /** What the node knows, for an allocator that has lost its rows; of the streams, what is later than `beyond`. */
  readonly known: (beyond: ReportedRevisions) => KnownState;
  /** Called when that is asked for: others may have lost theirs, too. */
  readonly onLoss: () => void;
  /** Called after each registration: the allocator has forgotten what the node had reported; and unless it is sure that all `continued`, what its endpoints have. */
  readonly onRegistered: (continued: boolean) => void;
  /** Resolves when no endpoint speaks any more as what the allocator has not confirmed; asked after a registration that left the node inactive. */
  readonly confirmed: (signal: AbortSignal) => Promise<void>;
}

/** What a node can tell after a loss (design C4): all endpoints that it has with what they hold, and the rows that it has read. */
export interface KnownState {
  readonly claims: readonly EndpointClaim[];
  readonly rows: Iterable<KnownRow>;
}

/** What endpoints hold, as the allocator is told. */
export function claimsOf(records: Iterable<EndpointRecord>): readonly EndpointClaim[] {
  return heldBy(records).map(({ uid, numbers }) => ({
    endpointUid: uid,
    numbers: numbers.map(({ identity, labels, revision }) => ({ number: identity, labels: [...labels], revision })),
  }));
}

/** A call about an endpoint. */
interface Call<T> {
  readonly name: 'Allocate' | 'MoveAddresses' | 'Release';
  readonly uid: string;
  /** Tells calls apart that want different things of the same endpoint. */
  readonly what: string;
  /** Somebody waits for it: what is refused until it is mended is refused at once. */
  readonly isAwaited: boolean;
  readonly signal: AbortSignal;
  readonly send: (session: Session, signal: AbortSignal) => Promise<T>;
}

/** What the allocator is asked for an endpoint. */
export interface AllocationRequest {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly addresses: readonly string[];
  /** The number that it had; 0: none. */
  readonly claimed: number;
}

/** The allocator's answer: the number, and whether all other live nodes have set its bit already. */
export interface Allocation {
  readonly assignment: Assignment;
  readonly isAppliedByOthers: boolean;
}

/** A revision of each stream, of which others must know. Absent: not asked about. */
export interface AppliedRevisions {
  readonly identities?: Revision | undefined;
  readonly endpoints?: Revision | undefined;
}

/** The same of all streams that the node reports. */
export interface ReportedRevisions extends AppliedRevisions {
  readonly nodes?: Revision | undefined;
}

/**
 * The node's conversation with the identity allocator: registered once a process, then numbers asked for and given back. Before the agent contradicts a call that was never
 * answered (a Release after an Allocate that timed out), it raises its counter, so that the late call is refused when it arrives (design C1). A call that can succeed is sent again
 * until it does or its signal aborts: domain/allocator-answer.ts says which; the others are counted, and thrown.
 */
export class IdentitySession {
  readonly name = 'identity session';
  readonly #options: IdentitySessionOptions;
  readonly #client: RpcClient<typeof IdentityServiceService>;
  readonly #waiting: RpcClient<typeof IdentityServiceService>;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  /** Open while peers see the node: new endpoints come up only then. */
  readonly #active = new Gate();
  readonly #refusals: Counter;
  #registration: Promise<bigint> | null = null;
  #registrationRevision: Revision | null = null;
  #announced: Revision | null = null;
  readonly #calls: CallCounter;
  readonly #attempts: RegistrationAttempts;

  constructor(options: IdentitySessionOptions) {
    this.#options = options;
    this.#client = clientOf(IdentityServiceService, options.channel);
    this.#waiting = clientOf(IdentityServiceService, options.channel, othersWithinMs);
    this.#refusals = options.meter.createCounter('identity_refusals', { description: 'Calls that the identity allocator refused' });
    this.#condition = options.readiness.condition('node registration', `waits for ${options.channel.peer}`);
    const written = options.state.read<{ counter: bigint; registering?: boolean }>(file);
    this.#calls = new CallCounter(written?.counter ?? 1n);
    this.#attempts = new RegistrationAttempts(written?.registering ?? false);
  }

  /** Revision of the node's row in the stream `nodes`; null before it is registered. */
  get registrationRevision(): Revision | null {
    return this.#registrationRevision;
  }

  /** The greatest revision of the stream `endpoints` that the allocator has named to this process: who has applied it knows all of the node's addresses. Null: none yet. */
  get announcedRevision(): Revision | null {
    return this.#announced;
  }

  /** Registers in the background. */
  start(): void {
    this.#register().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#registration?.catch(() => {});
  }

  /** The number of the labels; the addresses are recorded with it. Throws what is refused. */
  async allocate(request: AllocationRequest, signal: AbortSignal): Promise<Allocation> {
    const { uid, namespace, name, labels, addresses, claimed } = request;
    // What it had it claims at any time; what is new waits until peers see the node (design C1).
    if (claimed === 0) {
      this.#register().catch(() => {});
      await this.#active.passed(AbortSignal.any([signal, this.#stopping.signal]));
    }
    const what = { endpointUid: uid, namespace, name, labels: [...labels], addresses: [...addresses], claimed };
    const answer = await this.#call({
      name: 'Allocate',
      uid,
      what: JSON.stringify(what),
      isAwaited: true,
      signal,
      send: (session, over) => this.#client.allocate({ node: this.#options.node.name, session, ...what }, { signal: over }),
    });
    const { identity, identityRevision: revision = zeroRevision, endpointRevision, identityApplied } = answer;
    return { assignment: { identity, labels, revision, published: this.#note(endpointRevision) }, isAppliedByOthers: identityApplied };
  }

  /** Publishes the endpoint's addresses under a number that it has; the revision of the stream `endpoints` that says so. Throws `not_found` where it hasn't. */
  async moveAddresses(uid: string, identity: number, signal: AbortSignal): Promise<Revision> {
    const { endpointRevision } = await this.#call({
      name: 'MoveAddresses',
      uid,
      what: `move to ${identity}`,
      isAwaited: false,
      signal,
      send: (session, over) =>
        this.#client.moveAddresses({ node: this.#options.node.name, session, endpointUid: uid, identity }, { signal: over }),
    });
    return this.#note(endpointRevision);
  }

  /** Gives numbers and addresses back: all (`keep` 0), or every number but one. Throws what the allocator will never accept. */
  async release(uid: string, keep: number, signal: AbortSignal): Promise<void> {
    const { endpointRevision } = await this.#call({
      name: 'Release',
      uid,
      what: `release all but ${keep}`,
      isAwaited: false,
      signal,
      send: (session, over) => this.#client.release({ node: this.#options.node.name, session, endpointUid: uid, keep }, { signal: over }),
    });
    this.#note(endpointRevision);
  }

  /** Says what the node has applied, which keeps it live. Throws what is refused, or that nobody answered. */
  async report({ identities, endpoints, nodes }: ReportedRevisions): Promise<void> {
    const opened = this.#register();
    const session = { registration: await opened, counter: this.#calls.counter };
    try {
      await this.#client.reportApplied(
        { node: this.#options.node.name, session, identityRevision: identities, endpointRevision: endpoints, nodeRevision: nodes },
        { signal: this.#stopping.signal },
      );
    } catch (error) {
      if (isMyelinError(error) && prospectOf(error.code) === 'new-session' && this.#registration === opened) this.#registration = null;
      throw error;
    }
  }

  /** Waits until all other live nodes have applied this, for a second at most; the names of those that haven't. Throws when nobody can say. */
  async awaitApplied({ identities, endpoints }: AppliedRevisions, signal: AbortSignal): Promise<readonly string[]> {
    const over = AbortSignal.any([signal, this.#stopping.signal]);
    const request = { node: this.#options.node.name, identityRevision: identities, endpointRevision: endpoints };
    return (await this.#waiting.awaitApplied(request, { signal: over })).late;
  }

  #note(revision: Revision | undefined): Revision {
    const noted = revision ?? zeroRevision;
    this.#announced = laterRevision(this.#announced ?? zeroRevision, noted);
    return noted;
  }

  async #call<T>(call: Call<T>): Promise<T> {
    const over = AbortSignal.any([call.signal, this.#stopping.signal]);
    for (;;) {
      const opened = this.#register();
      const registration = await opened;
      over.throwIfAborted();
      if (this.#calls.begin(call.uid, call.what)) this.#writeDown();
      const { counter } = this.#calls;
      try {
        const answer = await call.send({ registration, counter }, over);
        this.#calls.answered(call.uid);
        return answer;
      } catch (error) {
        if (!isTransient(error)) this.#calls.answered(call.uid);
        if (over.aborted || !isMyelinError(error)) throw error;
        const isSessionOver = prospectOf(error.code) === 'new-session' && this.#registration === opened && this.#calls.counter === counter;
        if (isSessionOver) this.#registration = null;
        await sleep(this.#pauseAfter(call, error), undefined, { signal: over }).catch(() => {});
      }
    }
  }

  /** How long to wait before a call is sent again, in milliseconds. Throws the error where that can't help. */
  #pauseAfter({ name, uid, isAwaited }: Call<unknown>, error: MyelinError): number {
    const { log, refusedRetryMs } = this.#options;
    const prospect = prospectOf(error.code);
    const fields = { uid, call: name, code: error.code, reason: error.message };
    if (prospect === 'soon') {
      log.debug(fields, 'identity allocator did not answer');
      return retryMs;
    }
    this.#refusals.add(1, { call: name, code: error.code });
    if (prospect === 'never' || (prospect === 'later' && isAwaited)) throw error;
    log.warn(
      fields,
      prospect === 'later' ? 'refused by the identity allocator until that is mended' : 'refused as a call of another session',
    );
    return prospect === 'later' ? refusedRetryMs : retryMs;
  }

  #writeDown(): void {
    this.#options.state.write(file, { counter: this.#calls.counter, registering: this.#attempts.isOpen });
  }

  #register(): Promise<bigint> {
    this.#registration ??= this.#registerOver().catch((error) => {
      this.#registration = null;
      throw error;
    });
    return this.#registration;
  }

  async #registerOver(): Promise<bigint> {
    const { node, blocks, log, channel } = this.#options;
    const { signal } = this.#stopping;
    this.#condition.missing(`waits for ${channel.peer}`);
    const podCidrs = (await blocks.known()).map((prefix: Prefix) => formatPrefix(prefix));
    for (;;) {
      const isBelieved = this.#attempts.begin();
      this.#writeDown();
      try {
        const answer = await this.#client.registerNode({ ...node, addresses: node.addresses.map(formatAddress), podCidrs }, { signal });
        const { registration, revision, continued } = answer;
        if (answer.present) {
          // Nothing was registered.
          if (isBelieved) this.#attempts.answered();
          this.#writeDown();
          await this.#present(answer, signal);
          await sleep(retryMs, undefined, { signal }).catch(() => {});
          continue;
        }
        log.info({ registration, active: answer.active }, 'node registered');
        this.#options.onRegistered(continued && isBelieved);
        this.#attempts.answered();
        this.#writeDown();
        if (answer.active) this.#becomeActive(revision);
        else void this.#activate(registration, signal);
        return registration;
      } catch (error) {
        if (signal.aborted) throw error;
        this.#condition.missing((error as Error).message);
        if (!isTransient(error)) log.error({ reason: (error as Error).message }, 'the node could not be registered');
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  #becomeActive(revision: Revision | undefined): void {
    this.#registrationRevision = revision ?? null;
    this.#condition.ready();
    this.#active.open();
  }

  /** Has peers see the node, once it speaks as nothing that the allocator hasn't confirmed, and has caught up (design C1). Ends with the session. */
  async #activate(registration: bigint, signal: AbortSignal): Promise<void> {
    const { node, log, confirmed } = this.#options;
    this.#active.close();
    this.#condition.missing('is not active: it claims what it had, and applies what it has missed');
    try {
      await confirmed(signal);
    } catch {
      return;
    }
    const isCurrent = async () => !signal.aborted && this.#registration !== null && (await this.#registration) === registration;
    while (await isCurrent().catch(() => false)) {
      try {
        const { revision } = await this.#client.activateNode(
          { node: node.name, session: { registration, counter: this.#calls.counter } },
          { signal },
        );
        log.info({ registration }, 'node is active');
        return this.#becomeActive(revision);
      } catch (error) {
        if (isMyelinError(error) && prospectOf(error.code) === 'new-session') return;
        log.debug({ reason: (error as Error).message }, 'the node can not be active yet');
      }
      await sleep(activateRetryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Tells the allocator, which has lost its rows, what the node knows. It is asked for at each attempt to register until the rows are back, and may be told again. */
  async #present(asked: RegisterNodeResponse, signal: AbortSignal): Promise<void> {
    const { node, log, known, onLoss } = this.#options;
    this.#condition.missing('the identity allocator has lost its rows, and waits for what nodes know');
    onLoss();
    const { knownIdentityRevision: identities, knownEndpointRevision: endpoints, knownNodeRevision: nodes } = asked;
    const { claims, rows } = known({ identities, endpoints, nodes });
    let chunk: KnownRow[] = [];
    for (const row of rows) {
      chunk.push(row);
      if (chunk.length < rowsAtOnce) continue;
      await this.#client.presentState({ node: node.name, rows: chunk, claims: [], last: false }, { signal });
      chunk = [];
    }
    await this.#client.presentState({ node: node.name, rows: chunk, claims: [...claims], last: true }, { signal });
    log.info({ endpoints: claims.length }, 'told the identity allocator what the node knows');
  }
}
