import { type Lab, setupIn } from '../cluster/lab.ts';
import { knownPlaces } from '../cluster/places.ts';
import { run } from '../machine/process.ts';
import { type Place, placeName } from '../plan/names.ts';
import type { TroubleEnds } from './trouble.ts';

/** A look-up that a place's kernel does on the way. */
interface Hop {
  readonly place: Place;
  readonly target: string;
}

/** Route and neighbour at each place that a packet and its answer pass: the ends' own, and their nodes'. */
export async function describePath(lab: Lab, ends: TroubleEnds): Promise<readonly string[]> {
  return Promise.all(hopsOf(lab, ends).map(async (hop) => `  way: ${placeName(hop.place)}: ${await lookUp(lab, hop)}`));
}

function hopsOf(lab: Lab, { source, destination }: TroubleEnds): readonly Hop[] {
  const hops: Hop[] = [];
  const places = knownPlaces(lab.state);
  /** Where packets to this end go to, seen from a node: to its node, when there is one. */
  const nodeAddress = (of: TroubleEnds['source']) => {
    const node = of.node === null ? undefined : places.get(`node:${of.node}`);
    return node?.addresses.find((address) => address.includes(':') === of.address.includes(':')) ?? of.address;
  };
  for (const [from, to] of [
    [source, destination],
    [destination, source],
  ] as const) {
    if (from.known === undefined) continue;
    const { place } = from.known;
    // Whoever is outside answers to the node's address, which a pod that goes out wears.
    hops.push({ place, target: place.kind === 'outside' ? nodeAddress(to) : to.address });
    if (place.kind === 'pod' && from.node !== to.node) hops.push({ place: { kind: 'node', node: place.node }, target: nodeAddress(to) });
  }
  return hops;
}

async function lookUp(lab: Lab, { place, target }: Hop): Promise<string> {
  const where = setupIn(lab, place);
  try {
    const route = (await run(where, ['ip', '-o', 'route', 'get', target]))
      .trim()
      .replaceAll(/\s+/g, ' ')
      .replace(/( uid \d+)? \\.*| cache.*/, '');
    const via = /\bvia (\S+)/.exec(route)?.[1] ?? target;
    const neighbour = (await run(where, ['ip', 'neigh', 'show', 'to', via])).trim();
    return `${route}; neighbour ${neighbour || `${via}: none`}`;
  } catch (error) {
    return (error as Error).message;
  }
}
