import { Worker } from 'node:worker_threads';
import type { Log } from '@myelin/service';
import type { EventFilter } from '../domain/event-filter.ts';
import type { EventsWorkerData, FromEventsWorker, ToEventsWorker } from '../domain/event-messages.ts';

/** Beside this file's bundle, or its source when run from sources. */
const workerFile = import.meta.url.endsWith('.ts')
  ? new URL('../events-worker.ts', import.meta.url)
  : new URL('./events-worker.mjs', import.meta.url);

/** The thread works in buffers of its own: its heap stays small, which keeps the idle process below its bound. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** What events need. */
export interface EventsOptions {
  readonly bpffs: string;
  readonly log: Log;
  /** One batch of records, and how many were lost before it. */
  readonly onRecords: (records: Buffer, lost: number) => void;
}

/** The worker thread that drains the kernel's ring buffer. */
export class Events {
  readonly name = 'events';
  readonly #options: EventsOptions;
  readonly #questions = new Map<number, (records: Buffer) => void>();
  #worker: Worker | null = null;
  #nextQuestion = 1;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  start(): void {
    const { bpffs, log, onRecords } = this.#options;
    const worker = new Worker(workerFile, { workerData: { bpffs } satisfies EventsWorkerData, resourceLimits });
    this.#worker = worker;
    worker.on('message', (message: FromEventsWorker) => {
      const records = Buffer.from(message.records.buffer, message.records.byteOffset, message.records.byteLength);
      if (message.kind === 'last') {
        this.#questions.get(message.question)?.(records);
        this.#questions.delete(message.question);
        return;
      }
      onRecords(records, message.lost);
      this.#tell({ kind: 'done' });
    });
    worker.on('error', (err) => log.error({ err }, 'the events thread failed: flows are not shown until the next start'));
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#worker = null;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ kind: 'stop' } satisfies ToEventsWorker);
    await ended;
  }

  /** From now on, records that pass any of these filters are handed over. */
  listen(filters: readonly EventFilter[]): void {
    this.#tell({ kind: 'listen', filters });
  }

  /**
   * Asks for the last records that may pass `filter`, oldest first; `filters` listen from there on. `onAnswer` is called before any batch with later records, and after every one with earlier ones.
   */
  last(count: number, filter: EventFilter, filters: readonly EventFilter[], onAnswer: (records: Buffer) => void): void {
    const question = this.#nextQuestion++;
    this.#questions.set(question, onAnswer);
    this.#tell({ kind: 'last', question, count, filter, filters });
  }

  #tell(message: ToEventsWorker): void {
    this.#worker?.postMessage(message);
  }
}
