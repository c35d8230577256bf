#!/usr/bin/env node
// A relay in a process of its own, for tests to stop and kill. Arguments: Redis' URL, NATS' URL. After SIGUSR2 it stops itself (SIGSTOP) in mid-publish:
// it has decided what to write and on which condition, and hasn't sent it.
import { Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { NatsLink, streamKinds } from '@myelin/state-stream';
import type { NatsConnection } from '@nats-io/transport-node';
import { RedisLink, Relay, Store } from '../index.ts';

let stopsAtNextValue = false;
process.on('SIGUSR2', () => {
  stopsAtNextValue = true;
});

class StoppingLink extends NatsLink {
  readonly #seen = new WeakSet<NatsConnection>();

  override async connection(signal: AbortSignal): Promise<NatsConnection> {
    const connection = await super.connection(signal);
    if (this.#seen.has(connection)) return connection;
    this.#seen.add(connection);
    const request = connection.request.bind(connection);
    connection.request = (subject, ...rest) => {
      if (stopsAtNextValue && subject.startsWith('$KV.')) {
        stopsAtNextValue = false;
        process.kill(process.pid, 'SIGSTOP');
      }
      return request(subject, ...rest);
    };
    return connection;
  }
}

const [redisUrl, natsUrl] = process.argv.slice(2) as [string, string];
const common = { log: silentLog, readiness: new Readiness() };
const redis = new RedisLink({ url: redisUrl, ...common });
const nats = new StoppingLink({ url: natsUrl, name: 'relay process', security: 'insecure', ...common });
const store = new Store({ redis, nats, recovery: null, ...common });
const relay = new Relay({ kind: streamKinds.identities, redis, store, nats, meter: new Metrics('test').meter, ...common });
await new Lifecycle([redis, nats, store, relay], { log: silentLog, stopDeadlineMs: 1000 }).start();
