import { networkInterfaces } from 'node:os';
import { type Address, parseAddress } from '@myelin/address';

/** All addresses by which this network namespace can be reached: those it was told, and those of its interfaces now; loopback and link-local ones mean something here only. */
export function localAddresses(told: readonly Address[]): readonly Address[] {
  const found = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const reachable = found.filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address));
  const all = [...told, ...reachable.flatMap(({ address }) => parseAddress(address) ?? [])];
  return [...new Map(all.map((address) => [address.value, address])).values()];
}
