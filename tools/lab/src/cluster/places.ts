import { nearestName } from '@myelin/manifest';
import { LabFailure } from '../failure.ts';
import { fabric } from '../plan/address-plan.ts';
import { type Place, placeName } from '../plan/names.ts';
import { podKey } from '../plan/objects.ts';
import type { PlaceAddresses } from '../plan/probes.ts';
import type { LabState } from '../plan/state.ts';
import { podPlace } from './pod.ts';

/** A place where commands and probes can run, and its addresses. */
export interface KnownPlace {
  readonly place: Place;
  readonly addresses: readonly string[];
}

/** All places of a lab that are there, by the name that people and probes give them. */
export function knownPlaces({ nodes, pods }: LabState): ReadonlyMap<string, KnownPlace> {
  const places: KnownPlace[] = [
    { place: { kind: 'outside' }, addresses: fabric.outside },
    ...nodes.map(({ name, addresses }): KnownPlace => ({ place: { kind: 'node', node: name }, addresses })),
    ...pods.filter(({ failure }) => failure === null).map((pod): KnownPlace => ({ place: podPlace(pod), addresses: pod.addresses })),
  ];
  return new Map(places.map((known) => [placeName(known.place), known]));
}

/** Addresses that probes may turn to, by the name that they give: places, and Services (`svc:<namespace>/<name>`). */
export function knownTargets(state: LabState): PlaceAddresses {
  const places = [...knownPlaces(state)].map(([name, { addresses }]) => [name, addresses] as const);
  return new Map([...places, ...state.services.map(({ service }) => [`svc:${podKey(service)}`, service.clusterIps] as const)]);
}

/** The place of this name. Throws LabFailure that names the nearest one. */
export function placeNamed(state: LabState, name: string): Place {
  // For whoever looks behind the scenes.
  if (name === 'fabric' || name === 'control') return { kind: name };
  const places = knownPlaces(state);
  const known = places.get(name);
  if (known !== undefined) return known.place;
  const failed = state.pods.find(({ manifest }) => `${manifest.namespace}/${manifest.name}` === name);
  if (failed !== undefined) throw new LabFailure(`pod ${name} isn't running: ${failed.failure}`);
  const nearest = nearestName(name, [...places.keys()]);
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  throw new LabFailure(`there is no "${name}": expected <namespace>/<pod>, node:<name> or outside${hint}`);
}
