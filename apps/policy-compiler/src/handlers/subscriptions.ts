import type { SubscribeRequest, SubscribeResponse } from '@myelin/contracts/policy';
import { Subscription, type SubscriptionMessage, type SubscriptionRequest, type ViewChange } from '@myelin/identity-rules';
import { encodeCompiledPolicy } from '@myelin/policy-wire';
import { zeroRevision } from '@myelin/revision';
import type { CallContext } from '@myelin/rpc';
import type { Log } from '@myelin/service';
import type { CompiledState } from '../domain/compiled-state.ts';

interface Live {
  readonly subscription: Subscription;
  wake(): void;
}

/** All nodes that subscribe at this replica. One that reads slowly gets the newest state when it reads again, not every state between. */
export class Subscriptions {
  readonly #state: CompiledState;
  readonly #log: Log;
  readonly #live = new Set<Live>();

  constructor(state: CompiledState, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  get count(): number {
    return this.#live.size;
  }

  /** Tells every node's subscription of a new state. */
  viewChanged(change: ViewChange): void {
    for (const { subscription, wake } of this.#live) {
      subscription.viewChanged(change);
      wake();
    }
  }

  /** One node's stream, as long as it lasts. */
  async *serve(requests: AsyncIterable<SubscribeRequest>, { signal }: CallContext): AsyncGenerator<SubscribeResponse> {
    const subscription = new Subscription();
    let waiting = Promise.withResolvers<void>();
    const live: Live = { subscription, wake: () => waiting.resolve() };
    const over = { value: false };
    const end = () => {
      over.value = true;
      live.wake();
    };
    signal.addEventListener('abort', end, { once: true });
    this.#live.add(live);
    void this.#read(requests, live).finally(end);
    try {
      while (!over.value) {
        await waiting.promise;
        waiting = Promise.withResolvers();
        if (this.#state.isComplete) for (const message of subscription.flush(this.#state)) yield encodeMessage(message);
      }
    } finally {
      this.#live.delete(live);
    }
  }

  async #read(requests: AsyncIterable<SubscribeRequest>, { subscription, wake }: Live): Promise<void> {
    let node = '';
    try {
      for await (const request of requests) {
        if (node === '') this.#log.info({ node: request.node, subjects: request.subjects.length }, 'node subscribed');
        node = request.node;
        subscription.request(decodeRequest(request));
        wake();
      }
    } finally {
      this.#log.info({ node }, 'node unsubscribed');
    }
  }
}

function decodeRequest({ subjects, policyRevision, identityRevision, held }: SubscribeRequest): SubscriptionRequest {
  return {
    subjects,
    policyRevision: policyRevision ?? zeroRevision,
    identityRevision: identityRevision ?? zeroRevision,
    held: new Map(Object.entries(held).map(([identity, digest]) => [Number(identity), digest])),
  };
}

function encodeMessage(message: SubscriptionMessage): SubscribeResponse {
  switch (message.kind) {
    case 'policy':
      return { message: { $case: 'policy', value: encodeCompiledPolicy(message.policy) } };
    case 'removed':
      return { message: { $case: 'removed', value: message.identity } };
    case 'bookmark': {
      const { policyRevision, identityRevision, included, dropped, complete, problems, request } = message;
      return {
        message: {
          $case: 'bookmark',
          value: {
            policyRevision,
            identityRevision,
            identitiesIncluded: [...included],
            identitiesDropped: [...dropped],
            complete,
            problems: [...problems],
            request,
          },
        },
      };
    }
  }
}
