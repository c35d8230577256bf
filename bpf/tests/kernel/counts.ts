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

/** Reads the map `counters` as sums over all processors. */
export class Counts {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  read(): readonly { readonly packets: number; readonly bytes: number }[] {
    const key = Buffer.alloc(4);
    return Array.from({ length: sideCounter.COUNTERS }, (_, index) => {
      key.writeUInt32LE(index);
      const value = this.#map.lookup(key);
      if (value === null) throw new Error(`no counter ${index}`);
      const perCpu = perCpuSlots(value, counterCodec.size).map((slot) => counterCodec.read(slot));
      return {
        packets: perCpu.reduce((sum, { packets }) => sum + Number(packets), 0),
        bytes: perCpu.reduce((sum, { bytes }) => sum + Number(bytes), 0),
      };
    });
  }

  /** What moved since an earlier {@link read}. */
  since(before: ReturnType<Counts['read']>): Count[] {
    return this.read()
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
