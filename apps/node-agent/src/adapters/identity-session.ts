import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, formatAddress, formatPrefix, type Prefix } from '@myelin/address';
import { IdentityServiceService, type Session } from '@myelin/contracts/identity';
import { zeroRevision } from '@myelin/revision';
import { type Channel, clientOf, isMyelinError, isTransient, type RpcClient } from '@myelin/rpc';
import type { Condition, Log, Readiness } from '@myelin/service';
import type { Assignment } from '../domain/endpoint.ts';
import type { Blocks } from './blocks.ts';
import type { StateFolder } from './state-folder.ts';

const file = 'session';
const retryMs = 300;

/** What the node says of itself. */
export interface NodeDescription {
  readonly name: string;
  readonly uid: string;
  readonly addresses: readonly Address[];
}

/** What a session needs. */
export interface IdentitySessionOptions {
  readonly node: NodeDescription;
  readonly blocks: Blocks;
  readonly channel: Channel;
  readonly state: StateFolder;
  readonly log: Log;
  readonly readiness: Readiness;
}

/** What the allocator is asked for an endpoint. */
export interface AllocationRequest {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * The node's conversation with the identity allocator: registered once a process, then numbers asked for and given back. Before the agent contradicts a call that was never
 * answered (a Release after an Allocate that timed out), it raises its counter, so that the late call is refused when it arrives (design C1).
 */
export class IdentitySession {
  readonly name = 'identity session';
  readonly #options: IdentitySessionOptions;
  readonly #client: RpcClient<typeof IdentityServiceService>;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  #registration: Promise<bigint> | null = null;
  #counter: bigint;
  /** What each endpoint's unanswered call wanted, by UID. */
  readonly #unanswered = new Map<string, string>();

  constructor(options: IdentitySessionOptions) {
    this.#options = options;
    this.#client = clientOf(IdentityServiceService, options.channel);
    this.#condition = options.readiness.condition('node registration', `waits for ${options.channel.peer}`);
    this.#counter = options.state.read<{ counter: bigint }>(file)?.counter ?? 1n;
  }

  /** Registers in the background. */
  start(): void {
    this.#register().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#registration?.catch(() => {});
  }

  /** The number of the labels; the addresses are recorded with it. Tries again for as long as the allocator is away and `signal` doesn't abort; refusals are thrown. */
  async allocate(request: AllocationRequest, signal: AbortSignal): Promise<Assignment> {
    const { uid, namespace, name, labels, addresses } = request;
    const what = { endpointUid: uid, namespace, name, labels: [...labels], addresses: [...addresses] };
    const answer = await this.#call(uid, JSON.stringify(what), signal, (session) =>
      this.#client.allocate({ node: this.#options.node.name, session, ...what }, { signal: this.#signal(signal) }),
    );
    return { identity: answer.identity, labels, revision: answer.identityRevision ?? zeroRevision };
  }

  /** Gives number and addresses back; as `allocate` otherwise. */
  async release(uid: string, signal: AbortSignal): Promise<void> {
    await this.#call(uid, 'release', signal, (session) =>
      this.#client.release({ node: this.#options.node.name, session, endpointUid: uid }, { signal: this.#signal(signal) }),
    );
  }

  #signal(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#stopping.signal]);
  }

  async #call<T>(uid: string, what: string, signal: AbortSignal, send: (session: Session) => Promise<T>): Promise<T> {
    const over = this.#signal(signal);
    for (;;) {
      const registration = await this.#register();
      over.throwIfAborted();
      this.#contradict(uid, what);
      try {
        const answer = await send({ registration, counter: this.#counter });
        this.#unanswered.delete(uid);
        return answer;
      } catch (error) {
        if (!isTransient(error)) this.#unanswered.delete(uid);
        if (over.aborted || !(isTransient(error) || isMyelinError(error, 'aborted'))) throw error;
        if (isMyelinError(error, 'aborted')) this.#registration = null;
        else this.#options.log.debug({ uid, reason: (error as Error).message }, 'identity allocator did not answer');
        await sleep(retryMs, undefined, { signal: over }).catch(() => {});
      }
    }
  }

  /** Raises the counter where an earlier call for the endpoint may still be under way and wants something else. */
  #contradict(uid: string, what: string): void {
    const before = this.#unanswered.get(uid);
    if (before !== undefined && before !== what) {
      this.#counter += 1n;
      this.#options.state.write(file, { counter: this.#counter });
    }
    this.#unanswered.set(uid, what);
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
      try {
        const { registration } = await this.#client.registerNode(
          { ...node, addresses: node.addresses.map(formatAddress), podCidrs },
          { signal },
        );
        this.#condition.ready();
        log.info({ registration }, 'node registered');
        return registration;
      } catch (error) {
        if (signal.aborted) throw error;
        this.#condition.missing((error as Error).message);
        if (!isTransient(error)) log.error({ reason: (error as Error).message }, 'the node could not be registered');
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }
}
