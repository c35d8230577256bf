import { type Flow, Verdict } from '@myelin/contracts/flow';
import type { Event } from '@myelin/datapath-layout';
import { protocolNumbers, shownIdentity } from '@myelin/flow-api';
import { reservedIdentities } from '@myelin/labels';

/** What of a request can be looked for in a record itself: numbers. Filters are a conjunction, values alternatives; an empty one lets everything through. */
export interface EventFilter {
  readonly verdicts: readonly number[];
  readonly identities: readonly number[];
  readonly ports: readonly number[];
}

export const everyEvent: EventFilter = Object.freeze({ verdicts: [], identities: [], ports: [] });

type Matched = Pick<Event, 'verdict' | 'protocol' | 'sourceIdentity' | 'destinationIdentity' | 'sourcePort' | 'destinationPort'>;

/** ICMP's records have type and code in the place of ports. */
const protocolsWithPorts: ReadonlySet<number> = new Set([protocolNumbers.TCP, protocolNumbers.UDP, protocolNumbers.SCTP]);

const isWanted = (wanted: readonly number[], ...values: readonly number[]) =>
  wanted.length === 0 || values.some((value) => wanted.includes(value));

const hasUnknownEnd = ({ sourceIdentity, destinationIdentity }: Matched) =>
  sourceIdentity === reservedIdentities.unknown || destinationIdentity === reservedIdentities.unknown;

/** Whether a record may pass, as far as its numbers go: an end without an identity gets one, perhaps, when it is named ({@link passesIdentities}). */
export function mayPass({ verdicts, identities, ports }: EventFilter, event: Matched): boolean {
  return (
    isWanted(verdicts, event.verdict) &&
    (isWanted(identities, shownIdentity(event.sourceIdentity), shownIdentity(event.destinationIdentity)) || hasUnknownEnd(event)) &&
    (ports.length === 0 || (protocolsWithPorts.has(event.protocol) && isWanted(ports, event.sourcePort, event.destinationPort)))
  );
}

/** Whether a flow with names has one of the identities at either end. */
export function passesIdentities(
  { identities }: Pick<EventFilter, 'identities'>,
  { source, destination }: Pick<Flow, 'source' | 'destination'>,
): boolean {
  return isWanted(identities, ...[source, destination].flatMap((end) => end?.identity ?? []));
}

/** Numbers of verdict names; those that are none come back as `unknown`. */
export function readVerdicts(names: readonly string[]): { readonly verdicts: readonly number[]; readonly unknown: readonly string[] } {
  const known = Verdict as Readonly<Record<string, number>>;
  const isKnown = (name: string) => Object.hasOwn(known, name);
  return { verdicts: names.filter(isKnown).map((name) => known[name]!), unknown: names.filter((name) => !isKnown(name)) };
}
