import { BpfMap, RingBuffer, records } from '@myelin/bpf-native';
import { type Event, eventCodec } from '@myelin/datapath-layout';
import { mapPin } from './pins.ts';

/**
 * How long a ring that has been read empty isn't looked at. A record that wakes its reader costs the packet some 30 µs where the reader sleeps on another processor of a virtual machine (measured by
 * `npm run bench -- lab --only crr-same-cpu-vs-plain`): once in so long, not with every connection. The ring holds what 20 ms can bring.
 */
const restMs = 20;

/** Decodes one record. */
export function decodeEvent(record: Buffer): Event {
  return eventCodec.read(record);
}

/**
 * Hands over the records of a node's ring buffer in batches, on the event loop of the thread that opened it (a worker thread of its own, in the agent). A record's Buffer is
 * overwritten by the next batch: copy or decode it. One reader a node.
 */
export class EventReader {
  readonly #map: BpfMap;
  readonly #ring: RingBuffer;

  /** `bpffs`: the folder that the datapath is pinned in. `batchBytes` bounds a batch. */
  constructor(bpffs: string, onRecords: (records: Iterable<Buffer>, count: number) => void, batchBytes = 256 * 1024) {
    this.#map = BpfMap.openPinned(mapPin(bpffs, 'events'));
    this.#ring = new RingBuffer(this.#map, Buffer.alloc(batchBytes), (batch) => onRecords(records(batch), batch.count), restMs);
  }

  close(): void {
    this.#ring.close();
    this.#map.close();
  }
}
