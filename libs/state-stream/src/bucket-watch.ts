import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { type Bucket, bucketOfStream } from './bucket.ts';
import { listBuckets, openJetStream } from './bucket-store.ts';
import type { NatsLink } from './nats-link.ts';

/** How often to look for a newer bucket, should the server's word of it be lost. */
const lookEveryMs = 5000;

/** Tells of every bucket of a kind that appears: by the server's advisory, and by looking now and then. */
export class BucketWatch {
  readonly #kind: string;
  readonly #link: NatsLink;
  readonly #onBucket: (bucket: Bucket) => void;
  #subscription: Subscription | null = null;

  constructor(kind: string, link: NatsLink, onBucket: (bucket: Bucket) => void) {
    this.#kind = kind;
    this.#link = link;
    this.#onBucket = onBucket;
  }

  /** Watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const connection = await this.#link.connection(signal);
        this.#subscription ??= this.#listen(connection);
        const bucket = await this.newest(await openJetStream(connection, this.#link.wayTo(this.#kind)));
        if (bucket !== null) this.#onBucket(bucket);
      } catch {
        // NATS is away: whoever reads says so.
      }
      await sleep(lookEveryMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
    this.#subscription?.unsubscribe();
  }

  /** The newest bucket of the kind; null where there is none. */
  async newest(manager: JetStreamManager): Promise<Bucket | null> {
    return (await listBuckets(manager, this.#kind)).at(-1) ?? null;
  }

  #listen(connection: NatsConnection): Subscription {
    return connection.subscribe(`${this.#link.wayTo(this.#kind).created}.*`, {
      callback: (error, message) => {
        const bucket = error === null ? bucketOfStream(message.subject.split('.').at(-1)!) : null;
        if (bucket?.kind === this.#kind) this.#onBucket(bucket);
      },
    });
  }
}
