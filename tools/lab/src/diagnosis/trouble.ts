import { type KnownPlace, knownPlaces } from '../cluster/places.ts';
import type { SentProbe } from '../commands/probe.ts';
import { placeName } from '../plan/names.ts';
import type { ProbeRequest } from '../plan/probes.ts';
import type { LabState } from '../plan/state.ts';

/** A probe that came to something else than was expected. */
export interface Trouble {
  readonly probe: ProbeRequest;
  readonly outcome: SentProbe;
}

/** Its ends: addresses of the probe's family, and where they are. */
export interface TroubleEnds {
  readonly source: End;
  readonly destination: End;
}

/** One end. `known`: undefined for an address that no place of the lab has. */
interface End {
  readonly name: string;
  readonly address: string;
  readonly known: KnownPlace | undefined;
  /** Where its node's agent is; null for the outside. */
  readonly node: string | null;
}

/** Finds both ends of a probe among the lab's places. */
export function endsOf(state: LabState, { from, to, family }: ProbeRequest): TroubleEnds {
  const places = knownPlaces(state);
  const isFamily = (address: string) => family === undefined || address.includes(':') === (family === 6);
  const end = (name: string): End => {
    const address = name.startsWith('ip:') ? name.slice(3) : (places.get(name)?.addresses.find(isFamily) ?? '?');
    const known = places.get(name) ?? [...places.values()].find(({ addresses }) => addresses.includes(address));
    const place = known?.place;
    return { name, address, known, node: place !== undefined && 'node' in place ? place.node : null };
  };
  return { source: end(from), destination: end(to) };
}

/** The probe and what became of it, in words. */
export function troubleLine({ probe, outcome }: Trouble, { source, destination }: TroubleEnds): string {
  const port = outcome.sourcePort === 0 ? '' : `, from port ${outcome.sourcePort}`;
  const what = `${probe.from} → ${probe.to} ${probe.protocol}${probe.port === undefined ? '' : ` ${probe.port}`}`;
  return `${what} (${source.address} → ${destination.address}${port}): ${outcome.ok ? `reply ${JSON.stringify(outcome.reply)}` : outcome.error}`;
}

/** Names of the nodes and of the pods that have a part in these. */
export function partakers(all: readonly TroubleEnds[]): { readonly nodes: readonly string[]; readonly pods: readonly string[] } {
  const ends = all.flatMap(({ source, destination }) => [source, destination]);
  const pods = ends.flatMap(({ known }) => (known?.place.kind === 'pod' ? [placeName(known.place)] : []));
  return { nodes: [...new Set(ends.flatMap(({ node }) => (node === null ? [] : [node])))], pods: [...new Set(pods)] };
}
