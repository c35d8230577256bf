import { type LocalEntry, type Origin, protocolNumbers } from '@myelin/policy-localize';
import {
  type CompiledEntry,
  compareOrigins,
  comparePolicies,
  formatOrigin,
  formatPolicy,
  type PolicyReference,
  type RuleOrigin,
} from '@myelin/policy-model';

/** What an origin number stands for; null: nobody knows. */
export type OriginOf = (number: number) => Origin | null;

/** A protocol and the ports from `first` on for which both sides say one thing each. */
export interface Stretch {
  /** IP protocol number; null: every one that nobody names. */
  readonly protocol: number | null;
  readonly first: number;
}

/** What one side says of a stretch, in words that are equal exactly when both say the same. */
export type Saying = string;

/** Nothing: the other keys, or the default, decide. */
const silent: Saying = 'nothing';

const lastPort = 65535;
const names = new Map<number, string>(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));
const numberOf = ({ protocol }: CompiledEntry): number | null => (protocol === null ? null : protocolNumbers[protocol]);

/** Port ranges for which neither side changes what it says, by first port; for every protocol that one of them names, and for all others. */
export function stretchesOf(expected: readonly CompiledEntry[], found: readonly LocalEntry[]): readonly Stretch[] {
  const starts = new Map<number | null, Set<number>>([[null, new Set([1])]]);
  const cut = (protocol: number | null, first: number, last: number) => {
    const known = starts.get(protocol) ?? new Set([1]);
    known.add(Math.max(1, first));
    if (last < lastPort) known.add(last + 1);
    starts.set(protocol, known);
  };
  for (const entry of expected) cut(numberOf(entry), entry.ports?.first ?? 1, entry.ports?.last ?? lastPort);
  for (const { protocol, port } of found) cut(protocol, port?.port ?? 1, port === null ? lastPort : port.port + 2 ** (16 - port.bits) - 1);
  return [...starts].flatMap(([protocol, firsts]) => [...firsts].sort((a, b) => a - b).map((first) => ({ protocol, first })));
}

/** `TCP from port 80`, `every other protocol`. */
export function stretchText({ protocol, first }: Stretch): string {
  if (protocol === null) return 'every other protocol';
  const name = names.get(protocol) ?? `protocol ${protocol}`;
  return first === 1 ? name : `${name} from port ${first}`;
}

/** The rules and verdict of compiled entries that are all about one peer: any deny denies. */
export function expectedSaying(entries: readonly CompiledEntry[], { protocol, first }: Stretch): Saying {
  const matching = entries.filter(
    (entry) =>
      entry.protocol === null ||
      (numberOf(entry) === protocol && (entry.ports === null || (entry.ports.first <= first && first <= entry.ports.last))),
  );
  if (matching.length === 0) return silent;
  const verdict = matching.some((entry) => entry.verdict === 'deny') ? 'deny' : 'allow';
  return say(
    verdict,
    matching.filter((entry) => entry.verdict === verdict).flatMap(({ origins }) => origins),
  );
}

/** What the longest match of one key says, as the kernel finds it. */
export function foundSaying(entries: readonly LocalEntry[], stretch: Stretch, originOf: OriginOf): Saying {
  const bits = ({ protocol, port }: LocalEntry) => (protocol === null ? 0 : 8 + (port?.bits ?? 0));
  const longest = entries
    .filter((entry) => covers(entry, stretch))
    .reduce<LocalEntry | null>((best, entry) => (best === null || bits(entry) > bits(best) ? entry : best), null);
  if (longest === null) return silent;
  const origin = originOf(longest.origin);
  if (origin?.kind !== 'rules') return `${longest.verdict} by ${origin === null ? `unknown origin ${longest.origin}` : 'a default deny'}`;
  return say(longest.verdict, origin.rules);
}

function covers({ protocol, port }: LocalEntry, stretch: Stretch): boolean {
  if (protocol === null) return true;
  if (protocol !== stretch.protocol) return false;
  return port === null || stretch.first >> (16 - port.bits) === port.port >> (16 - port.bits);
}

function say(verdict: 'allow' | 'deny', rules: readonly RuleOrigin[]): Saying {
  return `${verdict} by ${distinct(rules, compareOrigins).map(formatOrigin).join('; ')}`;
}

/** The policies that isolate, in words. */
export function isolationText(isolated: boolean, by: readonly PolicyReference[]): string {
  return isolated ? `isolated by ${distinct(by, comparePolicies).map(formatPolicy).join('; ')}` : 'not isolated';
}

function distinct<T>(members: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  const sorted = [...members].sort(compare);
  return sorted.filter((member, index) => index === 0 || compare(sorted[index - 1]!, member) !== 0);
}
