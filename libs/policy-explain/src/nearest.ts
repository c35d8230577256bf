import { matchesPeer, matchesTraffic, type SubjectFlow } from '@myelin/policy-evaluate';
import { type CompiledEntry, type CompiledPolicy, compareEntries, type RuleOrigin } from '@myelin/policy-model';

/** What of an allow rule doesn't fit a flow: everything else of it does. */
export type Miss = 'port' | 'protocol' | 'peer' | 'peer-and-port';

/** The allow rules that come nearest to a flow that nothing allows. */
export interface NearestRule {
  readonly miss: Miss;
  /** The entry, so that its peer and ports can be told. */
  readonly entry: CompiledEntry;
  readonly origins: readonly RuleOrigin[];
}

const cost: Readonly<Record<Miss, number>> = { port: 0, protocol: 1, peer: 2, 'peer-and-port': 3 };

function missOf(entry: CompiledEntry, flow: SubjectFlow): Miss {
  const fitsTraffic = matchesTraffic(entry, flow);
  if (!matchesPeer(entry.peer, flow.peer)) return fitsTraffic ? 'peer' : 'peer-and-port';
  return entry.protocol === flow.protocol ? 'port' : 'protocol';
}

/** How far a flow's port lies from an entry's ports. */
function portDistance({ ports }: CompiledEntry, { port }: SubjectFlow): number {
  if (ports === null) return 0;
  return port < ports.first ? ports.first - port : Math.max(0, port - ports.last);
}

/**
 * The allow rule that least keeps from allowing a flow: rather a wrong port of the right peer than a wrong peer, and of ports the closest. A rule
 * that a document states goes before a built-in one. Null when no rule allows anything in this direction.
 */
export function nearestRule(policy: CompiledPolicy, flow: SubjectFlow): NearestRule | null {
  const candidates = policy[flow.direction].entries
    .filter(({ verdict, origins }) => verdict === 'allow' && origins.some((origin) => origin.policy.kind !== 'Builtin'))
    .map((entry) => ({ entry, miss: missOf(entry, flow) }));
  const best = candidates.reduce<(typeof candidates)[number] | null>((one, other) => {
    if (one === null) return other;
    const difference =
      cost[other.miss] - cost[one.miss] ||
      portDistance(other.entry, flow) - portDistance(one.entry, flow) ||
      compareEntries(other.entry, one.entry);
    return difference < 0 ? other : one;
  }, null);
  return best && { ...best, origins: best.entry.origins.filter(({ policy: { kind } }) => kind !== 'Builtin') };
}
