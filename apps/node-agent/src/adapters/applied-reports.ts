import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@myelin/contracts/types';
import { type Component, Gate, type Log, orAbort } from '@myelin/service';
import type { IdentitySession, ReportedRevisions } from './identity-session.ts';

const retryMs = 300;

/** What reporting needs. */
export interface AppliedReportsOptions {
  readonly session: Pick<IdentitySession, 'report'>;
  readonly log: Log;
  /** How often the allocator hears of the node at least: its lease is three times as long. */
  readonly everyMs: number;
}

/**
 * Tells the allocator what this node has applied, as soon as it has (design C6): one report at a time, each with the newest. Called after the fact, never before; nothing that is applied waits for it.
 */
export class AppliedReports implements Component {
  readonly name = 'reports of what is applied';
  readonly #options: AppliedReportsOptions;
  readonly #stopping = new AbortController();
  readonly #news = new Gate();
  #applied: ReportedRevisions = {};
  #running: Promise<void> | null = null;

  constructor(options: AppliedReportsOptions) {
    this.#options = options;
  }

  /** The bits of all identities included at this revision are set. */
  identitiesApplied(revision: Revision): void {
    this.#applied = { ...this.#applied, identities: revision };
    this.#news.open();
  }

  /** The addresses published up to this revision are written. */
  endpointsApplied(revision: Revision): void {
    this.#applied = { ...this.#applied, endpoints: revision };
    this.#news.open();
  }

  /** The nodes published up to this revision are known, and those removed are not. */
  nodesApplied(revision: Revision): void {
    this.#applied = { ...this.#applied, nodes: revision };
    this.#news.open();
  }

  /** Says it once more: the allocator has forgotten it. */
  again(): void {
    this.#news.open();
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { session, log, everyMs } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#news.close();
      try {
        await orAbort(session.report(this.#applied), signal);
        await this.#news.passed(AbortSignal.any([signal, AbortSignal.timeout(everyMs)])).catch(() => {});
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ reason: (error as Error).message }, 'what is applied could not be reported');
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }
}
