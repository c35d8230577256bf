import { type BpfMap, perCpuSlots } from '@myelin/bpf-native';
import {
  BY_FLOW_ENTRY,
  counterCodec,
  direction,
  directionNames,
  dropReasonNames,
  forwardClassNames,
  sideCounter,
  sideCounterNames,
} from '@myelin/datapath-layout';

/** A counter that moved. */
export interface Count {
  /** `egress FORWARD_TO_STACK`, `ingress 133 REASON_POLICY_DENIED`, or `COUNTER_FLOW_STALE`; `BY_FLOW_ENTRY` beside what became of a packet that the flow table knew. */
  readonly name: string;
  /** Counts packets, as against what happened to one of them on the way. */
  readonly isOutcome: boolean;
  readonly packets: number;
  readonly bytes: number;
}

interface Sum {
  readonly packets: number;
  readonly bytes: number;
}

/** All counters at one moment, as they lie in memory: one after the other, each with a slot a processor. */
export type Reading = Buffer;

function sumOf(perCpu: Buffer): Sum {
  const counters = perCpuSlots(perCpu, counterCodec.size).map((slot) => counterCodec.read(slot));
  return {
    packets: counters.reduce((sum, { packets }) => sum + Number(packets), 0),
    bytes: counters.reduce((sum, { bytes }) => sum + Number(bytes), 0),
  };
}

/** Reads the map `counters`, and decodes what moved: nearly nothing, for every packet of a test. */
export class Counts {
  readonly #map: BpfMap;
  readonly #bytesEach: number;

  constructor(map: BpfMap) {
    this.#map = map;
    this.#bytesEach = map.info.userValueSize;
  }

  async read(): Promise<Reading> {
    const reading = Buffer.alloc(this.#bytesEach * sideCounter.COUNTERS);
    for await (const { keys, values } of this.#map.batches({ size: sideCounter.COUNTERS }))
      values.copy(reading, keys.readUInt32LE(0) * this.#bytesEach);
    return reading;
  }

  /** Packets of one counter, over all processors. */
  packetsOf(reading: Reading, counter: number): number {
    return sumOf(this.#valueIn(reading, counter)).packets;
  }

  /** What moved since an earlier {@link read}. */
  async since(before: Reading): Promise<Count[]> {
    const now = await this.read();
    return Array.from({ length: sideCounter.COUNTERS }, (_, index) => index)
      .filter((index) => !this.#valueIn(now, index).equals(this.#valueIn(before, index)))
      .flatMap((index) => this.#differences(before, now, index))
      .filter(({ packets }) => packets !== 0);
  }

  #differences(before: Reading, now: Reading, index: number): Count[] {
    const [from, to] = [sumOf(this.#valueIn(before, index)), sumOf(this.#valueIn(now, index))];
    const difference = { packets: to.packets - from.packets, bytes: to.bytes - from.bytes };
    const count = { name: nameOf(index), isOutcome: index < sideCounter.COUNTER_EVENTS_SENT, ...difference };
    return isKnown(index) ? [count, { name: 'BY_FLOW_ENTRY', isOutcome: false, ...difference }] : [count];
  }

  #valueIn(reading: Reading, index: number): Buffer {
    return reading.subarray(index * this.#bytesEach, (index + 1) * this.#bytesEach);
  }
}

function isKnown(index: number): boolean {
  return index < sideCounter.COUNTER_EVENTS_SENT && (index & 255) < 128 && (index & BY_FLOW_ENTRY) !== 0;
}

function nameOf(index: number): string {
  if (index >= sideCounter.COUNTER_EVENTS_SENT) return sideCounterNames[index] ?? `counter ${index}`;
  const way = index >> 8;
  const what = index & 255;
  const side = way === direction.DIRECTION_INGRESS ? 'ingress' : way === direction.DIRECTION_EGRESS ? 'egress' : directionNames[way];
  return what < 128 ? `${side} ${forwardClassNames[what & ~BY_FLOW_ENTRY]}` : `${side} ${what} ${dropReasonNames[what]}`;
}
