import { setTimeout as sleep } from 'node:timers/promises';
import { type Reports, readReport } from '@myelin/identity-rules';
import type { RedisLink } from '@myelin/outbox';
import type { Component, Log } from '@myelin/service';
import type { Registry } from './registry.ts';

const channel = 'myelin:identity:reports';
const retryMs = 300;

/** What a feed needs. */
export interface ReportFeedOptions {
  readonly redis: RedisLink;
  readonly registry: Pick<Registry, 'reports' | 'removeForgotten'>;
  readonly reports: Reports;
  readonly log: Log;
  /** How often all reports are read anew, in case something was not heard. */
  readonly readAgainMs: number;
  /**
   * After how long without a lease a node is taken away; looked at each time that all are read. Only by who has heard reports for that long itself: nodes can't renew their leases where nobody
   * hears them, and after an outage of the control plane they must find what they had (design D6).
   */
  readonly forgetAfterMs: number;
}

/** Keeps the reports of all nodes as Redis has them: each one is heard as it is written, at whichever replica. */
export class ReportFeed implements Component {
  readonly name = 'feed of reports';
  readonly #options: ReportFeedOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: ReportFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#listen();
      } catch (error) {
        if (!signal.aborted) this.#options.log.debug({ reason: (error as Error).message }, 'reports of nodes can not be heard');
      }
      this.#options.reports.lose();
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Hears until the connection breaks. Subscribed first, then read: nothing is missed in between. */
  async #listen(): Promise<void> {
    const { redis, reports, readAgainMs } = this.#options;
    const { signal } = this.#stopping;
    await redis.connected(signal);
    const connection = await redis.openBlocking();
    const over = new AbortController();
    const end = () => over.abort();
    connection.once('close', end);
    signal.addEventListener('abort', end, { once: true });
    try {
      connection.on('message', (_channel: string, message: string) => {
        const [, order, now, node, record] = /^(\d+) (\d+) (\S+) (.*)$/.exec(message) ?? [];
        if (record === '-') reports.remove(node!, Number(now), Number(order));
        const report = readReport(Number(now), node ?? '', record ?? '');
        if (report !== null) reports.take(report, performance.now(), Number(order));
      });
      await connection.subscribe(channel);
      const since = performance.now();
      while (!over.signal.aborted) {
        if (performance.now() - since >= this.#options.forgetAfterMs) await this.#forget();
        await this.#readAll();
        await sleep(readAgainMs, undefined, { signal: over.signal }).catch(() => {});
      }
    } finally {
      signal.removeEventListener('abort', end);
      connection.disconnect();
    }
  }

  async #forget(): Promise<void> {
    const { registry, log, forgetAfterMs } = this.#options;
    const forgotten = await registry.removeForgotten(forgetAfterMs);
    if (forgotten.length > 0)
      log.warn({ nodes: forgotten }, 'nodes have not been heard of for long: they are taken away with all that they had');
  }

  async #readAll(): Promise<void> {
    const { registry, reports } = this.#options;
    const { nowMs, order, reports: read } = await registry.reports();
    reports.takeAll(read, nowMs, performance.now(), order);
  }
}
