import { type Address, address, contains, formatPrefix, type Prefix, prefix } from '@myelin/address';
import { compilePolicies } from '@myelin/policy-compile';
import { evaluate, type SubjectFlow } from '@myelin/policy-evaluate';
import { type CompiledPolicy, compareOrigins, type Direction, type Protocol, type RuleOrigin } from '@myelin/policy-model';
import { identityNumbers, world } from '@myelin/policy-model/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LocalEntry, type LocalPolicy, type PrefixRow, protocolNumbers } from './local-policy.ts';
import { Localizer, type LocalStep } from './localizer.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 3000 : 120;

/** The tables as the kernel has them, and its look-ups taken literally. */
class Kernel {
  readonly subjects = new Map<number, LocalPolicy>();
  readonly rows = new Map<string, PrefixRow>();

  /** Identity and class of an address; `owner` is the identity that an endpoint or node registered for it. */
  peerOf(at: Address, owner: number | null): { identity: number; peerClass: number } {
    const covering = [...this.rows.values()].filter((row) => contains(row.prefix, at)).sort((a, b) => b.prefix.bits - a.prefix.bits);
    const row = covering[0];
    return { identity: owner ?? row?.identity ?? (at.family === 4 ? 9 : 10), peerClass: row?.peerClass ?? 0 };
  }

  /** Longest matches of the three keys. */
  matches(subject: number, direction: Direction, identity: number, peerClass: number, protocol: Protocol, port: number): LocalEntry[] {
    const { entries } = this.subjects.get(subject)![direction];
    const keys: ((entry: LocalEntry) => boolean)[] = [
      ({ peer }) => peer.space === 'identity' && peer.identity === identity,
      ({ peer }) => peer.space === 'class' && peer.number === peerClass,
      ({ peer }) => peer.space === 'any',
    ];
    return keys.flatMap((isKey) => {
      const found = entries.filter((entry) => isKey(entry) && covers(entry, protocol, port)).sort((a, b) => bitsOf(b) - bitsOf(a));
      expect(found.length < 2 || bitsOf(found[0]!) > bitsOf(found[1]!)).toBe(true);
      return found.slice(0, 1);
    });
  }
}

const bitsOf = ({ protocol, port }: LocalEntry) => (protocol === null ? 0 : 8 + (port?.bits ?? 0));

function covers(entry: LocalEntry, protocol: Protocol, port: number): boolean {
  if (entry.protocol === null) return true;
  if (entry.protocol !== protocolNumbers[protocol]) return false;
  return entry.port === null || port >> (16 - entry.port.bits) === entry.port.port >> (16 - entry.port.bits);
}

const sorted = (origins: readonly RuleOrigin[]) => {
  const all = [...origins].sort(compareOrigins);
  return all.filter((one, index) => index === 0 || compareOrigins(all[index - 1]!, one) !== 0);
};

interface Probe {
  readonly subject: number;
  readonly direction: Direction;
  readonly at: string;
  readonly owner: number | null;
  readonly protocol: Protocol;
  readonly port: number;
}

/** Holds the kernel's answer against the compiled policy's: the verdict, and that all deciding rules are named. */
function check(kernel: Kernel, localizer: Localizer, policy: CompiledPolicy, { direction, at, owner, protocol, port }: Probe): void {
  const { identity, peerClass } = kernel.peerOf(address(at), owner);
  const flow: SubjectFlow = { direction, peer: { identity, address: address(at) }, protocol, port };
  const decision = evaluate(policy, flow);
  if (identity === 0) {
    expect(decision.reason).toBe('unknown-peer');
    return;
  }
  const matches = kernel.matches(policy.identity, direction, identity, peerClass, protocol, port);
  const verdict = matches.some((entry) => entry.verdict === 'deny') ? 'deny' : 'allow';
  const deciding = matches.filter((entry) => entry.verdict === verdict).map(({ origin }) => localizer.origin(origin));
  const origins = sorted(deciding.flatMap((origin) => (origin?.kind === 'rules' ? origin.rules : [])));
  const local = kernel.subjects.get(policy.identity)![direction];
  expect(
    { verdict: matches.length > 0 ? verdict : local.isolated ? 'deny' : 'allow', origins },
    JSON.stringify(flow.peer.identity),
  ).toEqual({
    verdict: decision.verdict,
    origins: decision.origins,
  });
  const byDefault = localizer.origin(local.defaultOrigin);
  expect(byDefault === null ? [] : byDefault.kind === 'default-deny' && byDefault.policies).toEqual(policy[direction].isolatedBy);
}

const pods = identityNumbers.flatMap((identity) => [
  { at: `10.244.${identity - 256}.7`, owner: identity },
  { at: `fd00:244::${identity}`, owner: identity },
]);
const nodes = [
  { at: '10.0.0.1', owner: 1 },
  { at: '10.0.0.2', owner: 6 },
  { at: 'fd00:1::1', owner: 1 },
];
const others = ['198.51.100.7', '198.51.100.8', '198.51.100.200', '203.0.113.9', '192.0.2.1', '10.9.9.9', '10.244.1.200', '10.244.77.1'];
const others6 = ['2001:db8::1', '2001:db8:1::7', '2001:db8:1::8', '2a00::1', 'fd00:244::ffff'];
const end = fc.constantFrom<{ at: string; owner: number | null }[]>(
  ...pods,
  ...nodes,
  ...[...others, ...others6].map((at) => ({ at, owner: null })),
);

const probe: fc.Arbitrary<Probe> = fc
  .record({
    subject: fc.constantFrom(...identityNumbers),
    direction: fc.constantFrom<Direction[]>('ingress', 'egress'),
    end,
    protocol: fc.constantFrom<Protocol[]>('TCP', 'TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6'),
    port: fc.constantFrom(1, 52, 53, 79, 80, 81, 443, 8080, 65535),
  })
  .map(({ end: { at, owner }, ...rest }) => ({ ...rest, at, owner }));

const clusterRanges: readonly Prefix[] = ['10.244.0.0/16', 'fd00:244::/32'].map((text) => prefix(text));

/** What one node has at a time: some of the identities as subjects. */
const round = fc.record({
  world,
  subjects: fc.subarray([...identityNumbers]),
  ranges: fc.boolean(),
  probes: fc.array(probe, { minLength: 20, maxLength: 30 }),
});

describe('localized policy', () => {
  it('decides as the compiled policy does, at every moment of every update by the old or the new one', () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 3 }), (rounds) => {
        let localizer = new Localizer();
        const kernel = new Kernel();
        const inForce = new Map<number, CompiledPolicy>();
        let before: readonly Prefix[] = [];
        rounds.forEach(({ world: { identities, policies }, subjects, ranges, probes }, index) => {
          const wantedSubjects = new Set<number>(subjects);
          // An agent that restarts between two rounds goes on with the numbers and policies that it had.
          if (index === 2) {
            localizer = new Localizer(JSON.parse(JSON.stringify(localizer.allocation())));
            const again = localizer.update({ put: [...inForce.values()], clusterRanges: before });
            for (const one of again) applyStepwise(kernel, one, inForce, new Map(), () => checkAll(kernel, localizer, inForce, probes));
          }
          before = ranges ? clusterRanges : [];
          const put = compilePolicies(identities, policies).filter(({ identity }) => wantedSubjects.has(identity));
          const removed = [...inForce.keys()].filter((identity) => !wantedSubjects.has(identity));
          const steps = localizer.update({ put, removed, clusterRanges: ranges ? clusterRanges : [] });
          const next = new Map(put.map((policy) => [policy.digest, policy]));
          for (const one of steps) applyStepwise(kernel, one, inForce, next, () => checkAll(kernel, localizer, inForce, probes));
          expect([...inForce.keys()].sort()).toEqual([...subjects].sort());
          const wanted = new Map(localizer.prefixRows().map((row) => [formatPrefix(row.prefix), row]));
          expect(kernel.rows).toEqual(wanted);
          checkAll(kernel, localizer, inForce, probes);
        });
      }),
      { numRuns },
    );
  });

  it('has the same entries for a subject whatever else the node has, but for numbers', () => {
    fc.assert(
      fc.property(world, ({ identities, policies }) => {
        const put = compilePolicies(identities, policies);
        const shape = (policies: readonly CompiledPolicy[]) =>
          new Localizer()
            .update({ put: policies })
            .flatMap((step) => (step.kind === 'subjects' ? step.put : []))
            .map(({ identity, digest, ingress, egress }) => [identity, digest, ingress.entries.length, egress.entries.length])
            .sort();
        expect(shape(put.toReversed())).toEqual(shape(put));
      }),
      { numRuns },
    );
  });
});

function checkAll(kernel: Kernel, localizer: Localizer, inForce: ReadonlyMap<number, CompiledPolicy>, probes: readonly Probe[]): void {
  for (const one of probes) {
    const policy = inForce.get(one.subject);
    if (policy !== undefined && kernel.subjects.has(one.subject)) check(kernel, localizer, policy, one);
  }
}

/** Writes a step one thing at a time, probing after each. `next` are the new policies by digest; a policy of another digest is the one in force. */
function applyStepwise(
  kernel: Kernel,
  step: LocalStep,
  inForce: Map<number, CompiledPolicy>,
  next: ReadonlyMap<string, CompiledPolicy>,
  probe: () => void,
): void {
  if (step.kind === 'prefixes') {
    for (const row of step.put) {
      kernel.rows.set(formatPrefix(row.prefix), row);
      probe();
    }
    for (const gone of step.deleted) {
      kernel.rows.delete(formatPrefix(gone));
      probe();
    }
    return;
  }
  for (const subject of step.put) {
    kernel.subjects.set(subject.identity, subject);
    const policy = next.get(subject.digest);
    if (policy !== undefined) inForce.set(subject.identity, { ...policy, identity: subject.identity });
    else expect(subject.digest).toBe(inForce.get(subject.identity)?.digest);
    probe();
  }
  for (const identity of step.removed) {
    kernel.subjects.delete(identity);
    inForce.delete(identity);
    probe();
  }
}
