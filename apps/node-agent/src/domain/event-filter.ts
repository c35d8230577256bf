import { Verdict } from '@myelin/contracts/flow';
import type { Event } from '@myelin/datapath-layout';

/** What of a request can be looked for in a record itself: numbers. Filters are a conjunction, values alternatives; an empty one lets everything through. */
export interface EventFilter {
  readonly verdicts: readonly number[];
  readonly identities: readonly number[];
  readonly ports: readonly number[];
}

export const everyEvent: EventFilter = Object.freeze({ verdicts: [], identities: [], ports: [] });

type Matched = Pick<Event, 'verdict' | 'sourceIdentity' | 'destinationIdentity' | 'sourcePort' | 'destinationPort'>;

/** Whether a record passes. */
export function passesFilter({ verdicts, identities, ports }: EventFilter, event: Matched): boolean {
  const either = (wanted: readonly number[], a: number, b: number) => wanted.length === 0 || wanted.includes(a) || wanted.includes(b);
  return (
    either(verdicts, event.verdict, event.verdict) &&
    either(identities, event.sourceIdentity, event.destinationIdentity) &&
    either(ports, event.sourcePort, event.destinationPort)
  );
}

/** Numbers of verdict names; those that are none come back as `unknown`. */
export function readVerdicts(names: readonly string[]): { readonly verdicts: readonly number[]; readonly unknown: readonly string[] } {
  const known = Verdict as Readonly<Record<string, number>>;
  const isKnown = (name: string) => Object.hasOwn(known, name);
  return { verdicts: names.filter(isKnown).map((name) => known[name]!), unknown: names.filter((name) => !isKnown(name)) };
}
