// The thread that drains the ring buffer: decoding events never delays an endpoint. It keeps the last records, and hands on what somebody listens to.
import { parentPort, workerData } from 'node:worker_threads';
import { decodeEvent, EventReader } from '@myelin/datapath';
import { eventCodec } from '@myelin/datapath-layout';
import { type EventFilter, mayPass } from './domain/event-filter.ts';
import { EventLog } from './domain/event-log.ts';
import type { EventsWorkerData, FromEventsWorker, ToEventsWorker } from './domain/event-messages.ts';

const port = parentPort!;
const { bpffs } = workerData as EventsWorkerData;

/** Records that are remembered for who asks later. */
const rememberedRecords = 8192;
/** Records that wait for the main thread at most; what is beyond is counted as lost. */
const waitingRecords = 16_384;

const log = new EventLog(rememberedRecords, eventCodec.size);
const waiting = Buffer.alloc(waitingRecords * eventCodec.size);
let waitingCount = 0;
let lost = 0;
let filters: readonly EventFilter[] = [];
/** The main thread has a batch in hand. */
let isBusy = false;

const send = (message: FromEventsWorker) =>
  port.postMessage(message, message.records.byteLength > 0 ? [message.records.buffer as ArrayBuffer] : []);
const copy = (bytes: Buffer) => new Uint8Array(bytes);

function handOn(): void {
  if (!isBusy) handOver();
}

function handOver(): void {
  if (waitingCount + lost === 0) return;
  isBusy = true;
  send({ kind: 'records', records: copy(waiting.subarray(0, waitingCount * eventCodec.size)), lost });
  waitingCount = 0;
  lost = 0;
}

function keep(record: Buffer): void {
  if (waitingCount === waitingRecords) {
    lost++;
    return;
  }
  record.copy(waiting, waitingCount * eventCodec.size, 0, eventCodec.size);
  waitingCount++;
}

const reader = new EventReader(bpffs, (records) => {
  for (const record of records) {
    log.add(record);
    if (filters.length === 0) continue;
    const event = decodeEvent(record);
    if (filters.some((filter) => mayPass(filter, event))) keep(record);
  }
  handOn();
});

function answerLast({ question, count, filter, filters: listening }: ToEventsWorker & { kind: 'last' }): void {
  // Before the answer, even to a thread that is busy: who joins with it must not get these once more.
  handOver();
  filters = listening;
  const found = [...log.records()].filter((record) => mayPass(filter, decodeEvent(record)));
  send({ kind: 'last', question, records: copy(Buffer.concat(found.slice(Math.max(0, found.length - count)))) });
}

port.on('message', (message: ToEventsWorker) => {
  switch (message.kind) {
    case 'listen':
      filters = message.filters;
      break;
    case 'done':
      isBusy = false;
      handOn();
      break;
    case 'last':
      answerLast(message);
      break;
    case 'stop':
      reader.close();
      port.close();
      break;
  }
});
