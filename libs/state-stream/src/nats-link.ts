import { setTimeout as sleep } from 'node:timers/promises';
import type { Security } from '@myelin/credentials';
import { type Component, type Condition, Gate, type Log, type Readiness } from '@myelin/service';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { proofFor, roleOf } from './nats-proof.ts';
import { allWays, type NatsWay, wayToKind } from './nats-rights.ts';

/** How to reach NATS. */
export interface NatsLinkOptions {
  /** nats://host:port */
  readonly url: string;
  /** The client's name, as NATS's monitoring shows it. */
  readonly name: string;
  /** By certificates: the server must prove that it is the service `nats`. */
  readonly security: Security;
  readonly log: Log;
  /** Gets the condition `nats`. */
  readonly readiness: Readiness;
}

/** A connection to NATS that is made in the background and kept over every break. */
export class NatsLink implements Component {
  readonly name = 'NATS';
  readonly #options: NatsLinkOptions;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  readonly #connected = new Gate();
  #connection: NatsConnection | null = null;
  #connecting: Promise<void> | null = null;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#condition = options.readiness.condition('nats', `not connected to ${options.url} yet`);
  }

  /** The way to a kind's streams. */
  wayTo(kind: string): NatsWay {
    return wayToKind(roleOf(this.#options.security), kind);
  }

  /** The ways to all streams. */
  get ways(): readonly NatsWay[] {
    return allWays(roleOf(this.#options.security));
  }

  start(): void {
    this.#connecting = this.#connect();
  }

  /** Resolves while connected, else as soon as it is (again); rejects when `signal` aborts before. It is one connection, which reconnects for ever. */
  async connection(signal: AbortSignal): Promise<NatsConnection> {
    await this.#connected.passed(signal);
    return this.#connection!;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#connecting;
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    const { url, name, security, log } = this.#options;
    let pause: IBackoff<unknown> = new ExponentialBackoff({ initialDelay: 100, maxDelay: 1000 }).next();
    while (!this.#stopping.signal.aborted) {
      try {
        const connection = await connect({
          servers: url,
          name,
          timeout: 2000,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 200,
          reconnectJitter: 100,
          pingInterval: 5000,
          maxPingOut: 2,
          ...proofFor(security),
        });
        this.#connection = connection;
        this.#condition.ready();
        log.info({ nats: url, version: connection.info?.version }, 'connected to NATS');
        void this.#watch(connection);
        this.#connected.open();
        return;
      } catch (error) {
        this.#condition.missing(`can't connect to ${url}: ${(error as Error).message}`);
      }
      await sleep(pause.duration, undefined, { signal: this.#stopping.signal }).catch(() => {});
      pause = pause.next(undefined);
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    const { url, log } = this.#options;
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') {
        this.#condition.missing(`lost the connection to ${url}`);
        this.#connected.close();
        log.warn({ nats: url }, 'lost the connection to NATS');
      } else if (type === 'reconnect') {
        this.#condition.ready();
        this.#connected.open();
        log.info({ nats: url }, 'connected to NATS again');
      }
    }
  }
}
