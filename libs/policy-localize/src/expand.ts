import { contains, prefix } from '@myelin/address';
import { reservedIdentities } from '@myelin/labels';
import type { CompiledDirection, CompiledPeer } from '@myelin/policy-model';
import type { Say } from './fold.ts';
import type { PeerKey } from './local-policy.ts';
import { localIdentity, type NumberedPrefix, type PrefixTable } from './prefix-table.ts';

const { world, 'world-ipv4': worldIpv4, 'world-ipv6': worldIpv6 } = reservedIdentities;

const identityKey = (identity: number): PeerKey => ({ space: 'identity', identity });

/** Prefixes whose addresses a peer means: inside its prefix, outside of what is cut out (which is in the table, so that its addresses have other numbers). */
function prefixesOf(peer: Extract<CompiledPeer, { prefix: string }>, table: PrefixTable): NumberedPrefix[] {
  const except = peer.except.map((text) => prefix(text));
  return table.inside(prefix(peer.prefix)).filter((row) => !except.some((one) => contains(one, row.prefix)));
}

function worldKeys(family: 4 | 6 | null, table: PrefixTable): PeerKey[] {
  const of = (one: 4 | 6, unnumbered: number) => [unnumbered, ...table.ofFamily(one).map(({ number }) => localIdentity(number))];
  const both = family === null ? [world] : [];
  const identities = [...both, ...(family === 6 ? [] : of(4, worldIpv4)), ...(family === 4 ? [] : of(6, worldIpv6))];
  return identities.map(identityKey);
}

/** The keys that a peer is found by on this node. */
function keysOf(peer: CompiledPeer, table: PrefixTable): PeerKey[] {
  switch (peer.kind) {
    case 'any':
      return [{ space: 'any' }];
    case 'identity':
      return [identityKey(peer.identity)];
    case 'world':
      return worldKeys(peer.family, table);
    case 'cidr':
      return prefixesOf(peer, table).map(({ number }) => identityKey(localIdentity(number)));
    case 'ipBlock':
      return prefixesOf(peer, table).map(({ number }) => ({ space: 'class', number }));
  }
}

/** All that a direction says of one peer key. */
export interface KeySays {
  readonly key: PeerKey;
  readonly says: Say[];
}

const spaces = ['any', 'identity', 'class'] as const;

/** Order of peer keys: any, identities, classes, each by number. */
const rank = (key: PeerKey): number =>
  spaces.indexOf(key.space) * 2 ** 32 + (key.space === 'identity' ? key.identity : key.space === 'class' ? key.number : 0);

/** Sorts what a direction says by the keys that the kernel looks up, in their order. */
export function expand({ entries }: CompiledDirection, table: PrefixTable): KeySays[] {
  const byKey = new Map<number, KeySays>();
  for (const entry of entries) {
    for (const key of keysOf(entry.peer, table)) {
      const found = byKey.get(rank(key));
      if (found === undefined) byKey.set(rank(key), { key, says: [entry] });
      else found.says.push(entry);
    }
  }
  return [...byKey].sort(([a], [b]) => a - b).map(([, keySays]) => keySays);
}
