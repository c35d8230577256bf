import type { EventFilter } from './event-filter.ts';

/** What the events worker is started with. */
export interface EventsWorkerData {
  readonly bpffs: string;
}

/** Main thread to worker. */
export type ToEventsWorker =
  /** Who listens now: records that pass none of these filters stay in the worker. */
  | { readonly kind: 'listen'; readonly filters: readonly EventFilter[] }
  /** A batch has been dealt with: the next one may come. */
  | { readonly kind: 'done' }
  /**
   * The last records that pass `filter`; answered by `last` with the same number. `filters`: who listens from the very record on that comes after them. What was before has been handed over when the
   * answer comes, so that nothing is missed or comes twice.
   */
  | {
      readonly kind: 'last';
      readonly question: number;
      readonly count: number;
      readonly filter: EventFilter;
      readonly filters: readonly EventFilter[];
    }
  | { readonly kind: 'stop' };

/** Worker to main thread. Records lie end to end, each of the kernel's record size. */
export type FromEventsWorker =
  /** `lost`: records that passed a filter since the last batch and were not kept for this thread, which was too slow. */
  | { readonly kind: 'records'; readonly records: Uint8Array; readonly lost: number }
  | { readonly kind: 'last'; readonly question: number; readonly records: Uint8Array };
