import type { TestRunResult } from '@myelin/bpf-native';
import { type Event, eventType } from '@myelin/datapath-layout';
import type { Count } from './counts.ts';

const actions: Readonly<Record<number, string>> = { 0: 'pass', 2: 'drop', 7: 'redirect' };

/** What became of a packet. */
export interface Outcome {
  /** What the program told the kernel: pass (to the stack or the pod), drop, redirect. */
  readonly action: string;
  /** The one counter that it ended in. */
  readonly counter: string;
  /** Other counters that moved, by name. */
  readonly marks: Readonly<Record<string, number>>;
  /** The frame afterwards. */
  readonly packet: Buffer;
  /** Records about packets: new flows and drops. */
  readonly events: readonly Event[];
  /** Records about flows that ended. */
  readonly closed: readonly Event[];
}

/** `arrived`: null where nobody has listened yet. Throws where design D7 doesn't hold for the runs: each ends in exactly one counter, with all its bytes, and what was sent as an event arrives or is counted as lost. */
export function outcomeOf(
  result: TestRunResult,
  counts: readonly Count[],
  sent: { readonly packets: number; readonly bytes: number },
  arrived: readonly Event[] | null,
): Outcome {
  const ends = counts.filter(({ isOutcome }) => isOutcome);
  const packets = ends.reduce((sum, count) => sum + count.packets, 0);
  const bytes = ends.reduce((sum, count) => sum + count.bytes, 0);
  const marks = Object.fromEntries(counts.filter(({ isOutcome }) => !isOutcome).map(({ name, packets }) => [name, packets]));
  const reported = (marks.COUNTER_EVENTS_SENT ?? 0) - (marks.COUNTER_EVENTS_LOST ?? 0);
  if (packets !== sent.packets || bytes !== sent.bytes)
    throw new Error(`D7: ${sent.packets} packets of ${sent.bytes} bytes ended in ${JSON.stringify(ends)}`);
  if (arrived !== null && reported !== arrived.length)
    throw new Error(`D7: ${reported} events were sent and not lost, ${arrived.length} arrived`);
  const events = arrived ?? [];
  return {
    action: actions[result.returnValue] ?? `returned ${result.returnValue}`,
    counter: ends.map(({ name }) => name).join(', '),
    marks,
    packet: result.data,
    events: events.filter(({ type }) => type !== eventType.EVENT_CLOSE),
    closed: events.filter(({ type }) => type === eventType.EVENT_CLOSE),
  };
}
