import type { CompiledDirection, CompiledPolicy, Direction } from '@myelin/policy-model';
import type { StateChange } from '../model/state-log.ts';

/** What is said of one direction of a label set: everything but these label sets, or nothing but these. */
export interface PolicyRow {
  readonly says: 'all but' | 'only';
  readonly labels: readonly string[];
}

/** Policies as of one revision, by `policyKey`. */
export type Policies = ReadonlyMap<string, PolicyRow>;

export const policyKey = (direction: Direction, labels: string): string => `${direction}/${labels}`;

/** The policies of each revision up to these changes. */
export function policiesAt(changes: readonly StateChange<PolicyRow>[], counter: number): Policies {
  const rows = new Map<string, PolicyRow>();
  for (const { key, row } of changes.slice(0, counter))
    if (row === null) rows.delete(key);
    else rows.set(key, row);
  return rows;
}

/** What the policies mean: whether a label set may speak with another one, as far as its own direction goes. */
export function isAllowed(policies: Policies, direction: Direction, labels: string, peer: string): boolean {
  const row = policies.get(policyKey(direction, labels));
  return row === undefined || row.labels.includes(peer) === (row.says === 'only');
}

const origins = [
  { policy: { kind: 'NetworkPolicy', namespace: '', name: 'p', uid: 'p' }, section: 'ingress', specIndex: 0, ruleIndex: 0 },
] as const;

/** A policy of few words, compiled to what the real compiler gives: peers by number. */
export function compile(policies: Policies, identities: ReadonlyMap<number, string>, identity: number): CompiledPolicy | undefined {
  const labels = identities.get(identity);
  if (labels === undefined) return undefined;
  const direction = (name: Direction): CompiledDirection => {
    const row = policies.get(policyKey(name, labels));
    const numbers = [...identities].filter(([, peer]) => row?.labels.includes(peer)).map(([number]) => number);
    const verdict = row?.says === 'only' ? 'allow' : 'deny';
    const entries = numbers
      .sort((a, b) => a - b)
      .map((number) => ({ peer: { kind: 'identity', identity: number }, protocol: null, ports: null, verdict, origins }) as const);
    return { isolated: row?.says === 'only', isolatedBy: row?.says === 'only' ? [origins[0].policy] : [], entries };
  };
  const [ingress, egress] = [direction('ingress'), direction('egress')];
  const terse = ({ isolated, entries }: CompiledDirection) =>
    `${isolated ? 'only' : 'all but'} ${entries.map(({ peer }) => (peer as { identity: number }).identity).join(',')}`;
  return { identity, ingress, egress, digest: `${terse(ingress)}; ${terse(egress)}` };
}

/** As the datapath decides by a compiled direction; the identity's bit was looked at before. */
export function decides({ isolated, entries }: CompiledDirection, peer: number): boolean {
  const verdicts = entries.filter((entry) => entry.peer.kind === 'identity' && entry.peer.identity === peer).map(({ verdict }) => verdict);
  return !verdicts.includes('deny') && (!isolated || verdicts.includes('allow'));
}
