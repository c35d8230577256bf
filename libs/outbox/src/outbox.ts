import type { Redis } from 'ioredis';
import type { OutboxEntry } from './record.ts';
import type { RedisLink } from './redis-link.ts';

/** Reads what waits to be published of one kind, on a connection of its own, as waiting blocks it. */
export class Outbox {
  readonly #key: string;
  readonly #link: RedisLink;
  #connection: Redis | null = null;

  constructor(kind: string, link: RedisLink) {
    this.#key = `myelin:stream:${kind}:outbox`;
    this.#link = link;
  }

  /** The oldest entries; waits up to `waitMs` for one, then returns none. Throws when Redis is away. */
  async head(limit: number, waitMs: number): Promise<OutboxEntry[]> {
    this.#connection ??= await this.#link.openBlocking();
    const streams = await this.#connection.xread('COUNT', limit, 'BLOCK', waitMs, 'STREAMS', this.#key, '0');
    return (streams?.[0]?.[1] ?? []).map(([id, fields]) => ({ id, fields }));
  }

  /** Entries that wait. Throws when Redis is away. */
  length(): Promise<number> {
    return this.#link.run((redis) => redis.xlen(this.#key));
  }

  close(): void {
    this.#connection?.disconnect();
    this.#connection = null;
  }
}
