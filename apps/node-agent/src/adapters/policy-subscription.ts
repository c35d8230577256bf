import { type Bookmark, PolicyServiceService, type SubscribeRequest, type SubscribeResponse } from '@myelin/contracts/policy';
import type { Revision } from '@myelin/contracts/types';
import { answeredSubjects } from '@myelin/identity-rules';
import type { CompiledPolicy } from '@myelin/policy-model';
import { decodeCompiledPolicy } from '@myelin/policy-wire';
import { type Channel, clientOf, type FollowState, follow, Mailbox } from '@myelin/rpc';
import type { Condition, Log, Readiness } from '@myelin/service';

/** A state that is complete: what changed since the one before, up to a bookmark. */
export interface PolicyBatch {
  readonly policies: readonly CompiledPolicy[];
  /** Subjects without a policy from now on. */
  readonly removed: readonly number[];
  /** The subjects that it is complete for: those of the request that it answers and of all later ones. */
  readonly subjects: readonly number[];
  readonly bookmark: Bookmark;
}

/** What the node asks for. */
export interface PolicyWishes {
  readonly subjects: readonly number[];
  readonly policyRevision: Revision;
  readonly identityRevision: Revision;
  /** Digests by identity of what the kernel enforces already. */
  readonly held: ReadonlyMap<number, string>;
}

/** What a subscription needs. */
export interface PolicySubscriptionOptions {
  readonly node: string;
  readonly channel: Channel;
  /** Asked whenever something is to be sent. */
  readonly wishes: () => PolicyWishes;
  /** One batch after the other; the next one waits. */
  readonly onBatch: (batch: PolicyBatch) => Promise<void>;
  readonly log: Log;
  readonly readiness: Readiness;
}

/** The node's stream of compiled policy, opened again after every break. */
export class PolicySubscription {
  readonly name = 'policy subscription';
  readonly #options: PolicySubscriptionOptions;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  #following: Promise<void> | null = null;
  #requests: Mailbox<SubscribeRequest> | null = null;
  #asking = false;
  /** Subjects of the requests of this stream that no bookmark has covered yet, by their count. */
  readonly #asked = new Map<number, readonly number[]>();
  #requestCount = 0;
  #policies: CompiledPolicy[] = [];
  #removed: number[] = [];

  constructor(options: PolicySubscriptionOptions) {
    this.#options = options;
    this.#condition = options.readiness.condition('policy', `waits for ${options.channel.peer}`);
  }

  start(): void {
    const client = clientOf(PolicyServiceService, this.#options.channel);
    this.#following = follow<SubscribeResponse>({
      open: (signal) => {
        [this.#policies, this.#removed] = [[], []];
        this.#requests = new Mailbox();
        this.#requestCount = 0;
        this.#asked.clear();
        this.ask();
        return client.subscribe(this.#requests, { signal });
      },
      onMessage: (message) => this.#take(message),
      onState: (state) => this.#onState(state),
      signal: this.#stopping.signal,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  /** Says again what the node wants: call it when that has changed. Calls of one turn of the event loop become one request. */
  ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      if (this.#requests === null) return;
      const { subjects, policyRevision, identityRevision, held } = this.#options.wishes();
      this.#requestCount += 1;
      this.#asked.set(this.#requestCount, subjects);
      this.#requests.push({
        node: this.#options.node,
        subjects: [...subjects],
        policyRevision,
        identityRevision,
        held: Object.fromEntries(held),
      });
    });
  }

  async #take({ message }: SubscribeResponse): Promise<void> {
    switch (message?.$case) {
      case 'policy':
        this.#policies.push(decodeCompiledPolicy(message.value));
        break;
      case 'removed':
        this.#removed.push(message.value);
        break;
      case 'bookmark': {
        for (const request of this.#asked.keys()) if (request < message.value.request) this.#asked.delete(request);
        const subjects = answeredSubjects(this.#asked.values());
        const batch = { policies: this.#policies, removed: this.#removed, subjects, bookmark: message.value };
        [this.#policies, this.#removed] = [[], []];
        await this.#options.onBatch(batch);
        this.#condition.ready();
        break;
      }
      default:
        break;
    }
  }

  #onState(state: FollowState): void {
    if (state.state !== 'broken') return;
    this.#condition.missing(state.error.message);
    this.#options.log.warn({ reason: state.error.message, retryInMs: state.retryInMs }, 'policy subscription broken');
  }
}
