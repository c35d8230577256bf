import { type BpfMap, perCpuSlots } from '@myelin/bpf-native';
import {
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
  /** `egress FORWARD_TO_STACK`, `ingress 133 REASON_POLICY_DENIED`, or `COUNTER_FLOW_HIT`. */
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

function sumOf(perCpu: Buffer): Sum {
  const counters = perCpuSlots(perCpu, counterCodec.size).map((slot) => counterCodec.read(slot));
  return {
    packets: counters.reduce((sum, { packets }) => sum + Number(packets), 0),
    bytes: counters.reduce((sum, { bytes }) => sum + Number(bytes), 0),
  };
}

/** Reads the map `counters` as sums over all processors. */
export class Counts {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  async read(): Promise<readonly Sum[]> {
    const sums = new Array<Sum>(sideCounter.COUNTERS);
    for await (const { keys, values, count } of this.#map.batches({ size: sideCounter.COUNTERS })) {
      const bytesEach = values.length / count;
      for (let entry = 0; entry < count; entry++)
        sums[keys.readUInt32LE(entry * 4)] = sumOf(values.subarray(entry * bytesEach, (entry + 1) * bytesEach));
    }
    return sums;
  }

  /** What moved since an earlier {@link read}. */
  async since(before: readonly Sum[]): Promise<Count[]> {
    return (await this.read())
      .map(({ packets, bytes }, index) => ({
        name: nameOf(index),
        isOutcome: index < sideCounter.COUNTER_EVENTS_SENT,
        packets: packets - before[index]!.packets,
        bytes: bytes - before[index]!.bytes,
      }))
      .filter(({ packets }) => packets !== 0);
  }
}

function nameOf(index: number): string {
  if (index >= sideCounter.COUNTER_EVENTS_SENT) return sideCounterNames[index] ?? `counter ${index}`;
  const way = index >> 8;
  const what = index & 255;
  const side = way === direction.DIRECTION_INGRESS ? 'ingress' : way === direction.DIRECTION_EGRESS ? 'egress' : directionNames[way];
  return what < 128 ? `${side} ${forwardClassNames[what]}` : `${side} ${what} ${dropReasonNames[what]}`;
}
