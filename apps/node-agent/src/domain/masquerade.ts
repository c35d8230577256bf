import { comparePrefixes, contains, type Family, formatPrefix, type Prefix } from '@myelin/address';

/** What masquerade goes by. */
export interface MasqueradeRanges {
  /** Sources: the pod ranges of this node. */
  readonly own: readonly Prefix[];
  /** Destinations that see the pod's own address: pod ranges of all nodes, node addresses, exclusions. */
  readonly inside: readonly Prefix[];
  /** UDP port of tunnels between nodes; null: there are none. */
  readonly tunnelPort: number | null;
}

/** The table that is ours, and that nobody else should write. */
export const masqueradeTable = 'inet myelin';

/** Sorted, without prefixes that another one covers: an interval set takes no overlaps. */
function disjoint(prefixes: readonly Prefix[], family: Family): readonly Prefix[] {
  const kept: Prefix[] = [];
  for (const candidate of prefixes.filter((prefix) => prefix.family === family).toSorted(comparePrefixes)) {
    if (!kept.some((outer) => contains(outer, candidate))) kept.push(candidate);
  }
  return kept;
}

function set(name: string, family: Family, prefixes: readonly Prefix[]): string {
  const elements = prefixes.length === 0 ? '' : `\n    elements = { ${prefixes.map(formatPrefix).join(', ')} }`;
  return `  set ${name} {\n    type ipv${family}_addr\n    flags interval${elements}\n  }`;
}

/** The ruleset for `nft -f -`: one transaction that replaces the table, so that there is no moment without it. */
export function masqueradeRuleset({ own, inside, tunnelPort }: MasqueradeRanges): string {
  // What a pod sends to a tunnel's port must not look as if its node sent it.
  const guard = tunnelPort === null ? '' : `    udp dport ${tunnelPort} return\n`;
  const sets = ([4, 6] as const).flatMap((family) => [
    set(`own${family}`, family, disjoint(own, family)),
    set(`inside${family}`, family, disjoint([...own, ...inside], family)),
  ]);
  return `table ${masqueradeTable}
delete table ${masqueradeTable}
table ${masqueradeTable} {
${sets.join('\n')}
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${guard}    ip saddr @own4 ip daddr != @inside4 masquerade
    ip6 saddr @own6 ip6 daddr != @inside6 masquerade
  }
}
`;
}
