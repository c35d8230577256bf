import { readFileSync } from 'node:fs';
import { type Component, type Condition, Gate, type Log, MyelinError, type Readiness } from '@myelin/service';
import { Redis, type RedisOptions } from 'ioredis';

/** How to reach Redis. */
export interface RedisLinkOptions {
  /** redis://host:port or redis://user@host:port; never with a password: it is told to people. */
  readonly url: string;
  /** File with the password; read anew at each connection. */
  readonly passwordFile?: string | null;
  readonly log: Log;
  /** Gets the condition `redis`. */
  readonly readiness: Readiness;
}

/** Commands fail at once while Redis is away: whoever asked decides whether to ask again. */
const options = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2000,
  retryStrategy: (attempt: number) => Math.min(50 * attempt, 1000),
} satisfies RedisOptions;
const answerWithinMs = 5000;

/** A connection to the one Redis that holds durable state: made in the background, kept over every break. */
export class RedisLink implements Component {
  readonly name = 'Redis';
  readonly #options: RedisLinkOptions;
  readonly #condition: Condition;
  readonly #redis: Redis;
  readonly #blocking = new Set<Redis>();
  readonly #connected = new Gate();

  /** Throws `failed_precondition` where the password can't be read. */
  constructor(linkOptions: RedisLinkOptions) {
    this.#options = linkOptions;
    this.#condition = linkOptions.readiness.condition('redis', `not connected to ${linkOptions.url} yet`);
    this.#redis = this.#client();
    this.#redis.on('ready', () => void this.#onReady());
    this.#redis.on('close', () => {
      this.#condition.missing(`no connection to ${linkOptions.url}`);
      this.#connected.close();
    });
    // Without a listener ioredis writes to the console itself; the reason is in readiness.
    this.#redis.on('error', (error: Error) => this.#condition.missing(`no connection to ${linkOptions.url}: ${error.message}`));
  }

  start(): void {
    this.#redis.connect().catch(() => {});
  }

  async stop(): Promise<void> {
    for (const connection of this.#blocking) connection.disconnect();
    this.#redis.disconnect();
  }

  /** Resolves while connected, else as soon as it is; rejects when `signal` aborts before. */
  connected(signal: AbortSignal): Promise<void> {
    return this.#connected.passed(signal);
  }

  /** Runs commands; throws `unavailable` when Redis is away or does not answer in time (then nobody knows whether they were carried out). */
  async run<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await act(this.#redis);
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'ReplyError') throw cause;
      throw new MyelinError('unavailable', `Redis at ${this.#options.url} can't be reached: is it running? (${(cause as Error).message})`, {
        cause,
      });
    }
  }

  /** A further connection, for commands that block (for less than 5 s). Throws `unavailable` when Redis is away. Close it with `disconnect()`. */
  async openBlocking(): Promise<Redis> {
    const connection = this.#client();
    connection.on('error', () => {});
    connection.on('end', () => this.#blocking.delete(connection));
    this.#blocking.add(connection);
    try {
      await connection.connect();
      return connection;
    } catch (cause) {
      connection.disconnect();
      throw new MyelinError('unavailable', `Redis at ${this.#options.url} can't be reached: is it running? (${(cause as Error).message})`, {
        cause,
      });
    }
  }

  #client(): Redis {
    const { url, passwordFile = null } = this.#options;
    const redis = new Redis(url, {
      ...options,
      commandTimeout: answerWithinMs,
      retryStrategy: (attempt) => {
        // ioredis takes it from there at each connection; a file that can't be read now changes nothing.
        if (passwordFile !== null) redis.options.password = tryReading(passwordFile) ?? redis.options.password;
        return options.retryStrategy(attempt);
      },
    });
    // Not among the options above: those of the URL come first, and its password is the empty one.
    if (passwordFile !== null) redis.options.password = readPassword(passwordFile);
    return redis;
  }

  async #onReady(): Promise<void> {
    this.#connected.open();
    this.#condition.ready();
    const { log, url } = this.#options;
    try {
      const [, onOff] = (await this.#redis.config('GET', 'appendonly')) as string[];
      const [, sync] = (await this.#redis.config('GET', 'appendfsync')) as string[];
      if (onOff === 'yes' && sync === 'always') log.info({ redis: url }, 'connected to Redis');
      else
        log.warn(
          { redis: url, appendonly: onOff, appendfsync: sync },
          'Redis may lose what it has acknowledged: set appendonly yes and appendfsync always',
        );
    } catch (error) {
      log.warn(
        { redis: url, reason: (error as Error).message },
        "can't tell whether Redis writes through: it needs appendonly yes and appendfsync always",
      );
    }
  }
}

function readPassword(path: string): string {
  let password: string;
  try {
    password = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new MyelinError(
      'failed_precondition',
      `can't read the password of Redis in ${path} (${code}): put it there, or name another file`,
      { cause },
    );
  }
  if (password === '')
    throw new MyelinError('failed_precondition', `${path} holds no password of Redis: put it there, or name another file`);
  return password;
}

function tryReading(path: string): string | null {
  try {
    return readPassword(path);
  } catch {
    return null;
  }
}
