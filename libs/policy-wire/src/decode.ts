import type * as wire from '@myelin/contracts/policy';
import {
  type CompiledDirection,
  type CompiledEntry,
  type CompiledPeer,
  type CompiledPolicy,
  type PolicyKind,
  type PolicyReference,
  type Protocol,
  protocols,
  type RuleOrigin,
} from '@myelin/policy-model';

const ruleSections = ['ingress', 'egress', 'ingressDeny', 'egressDeny'] as const satisfies readonly RuleOrigin['section'][];

/** A message that no compiler of this version sends. */
export class MalformedPolicy extends Error {}

/** Message → compiled policy. Throws MalformedPolicy where a field is missing, an index leads nowhere, or a word is unknown: such a policy must not be enforced half. */
export function decodeCompiledPolicy(message: wire.CompiledPolicy): CompiledPolicy {
  const policies = message.policies.map(decodeReference);
  const rules = message.rules.map(
    (rule): RuleOrigin => ({
      policy: at(policies, rule.policy, 'policy'),
      section: decodeSection(rule.section),
      specIndex: rule.specIndex,
      ruleIndex: rule.ruleIndex,
    }),
  );
  const direction = (part: wire.CompiledDirection | undefined, name: string): CompiledDirection => {
    if (part === undefined) throw new MalformedPolicy(`policy of identity ${message.identity} has no ${name}`);
    return {
      isolated: part.isolated,
      isolatedBy: part.isolatedBy.map((index) => at(policies, index, 'policy')),
      entries: part.entries.map((entry) => decodeEntry(entry, rules)),
    };
  };
  return {
    identity: message.identity,
    ingress: direction(message.ingress, 'ingress'),
    egress: direction(message.egress, 'egress'),
    digest: message.digest,
  };
}

function decodeEntry(entry: wire.CompiledEntry, rules: readonly RuleOrigin[]): CompiledEntry {
  return {
    peer: decodePeer(entry.peer),
    protocol: decodeProtocol(entry.protocol),
    ports: entry.lastPort === 0 ? null : { first: entry.firstPort, last: entry.lastPort },
    verdict: entry.deny ? 'deny' : 'allow',
    origins: entry.origins.map((index) => at(rules, index, 'rule')),
  };
}

function decodePeer(peer: wire.CompiledEntry['peer']): CompiledPeer {
  switch (peer?.$case) {
    case undefined:
      throw new MalformedPolicy('an entry has no peer that this version knows');
    case 'any':
      return { kind: 'any' };
    case 'identity':
      return { kind: 'identity', identity: peer.value };
    case 'world':
      return { kind: 'world', family: decodeFamily(peer.value.family) };
    case 'cidr':
    case 'ipBlock':
      return { kind: peer.$case, prefix: peer.value.prefix, except: peer.value.except };
  }
}

function decodeFamily(family: number): 4 | 6 | null {
  if (family === 0) return null;
  if (family === 4 || family === 6) return family;
  throw new MalformedPolicy(`unknown address family ${family}`);
}

function decodeProtocol(name: string): Protocol | null {
  if (name === '') return null;
  const protocol = protocols.find((known) => known === name);
  if (protocol === undefined) throw new MalformedPolicy(`unknown protocol "${name}"`);
  return protocol;
}

/** A policy's name. */
export const decodeReference = ({ kind, namespace, name, uid }: wire.PolicyReference): PolicyReference => ({
  kind: kind as PolicyKind,
  namespace,
  name,
  uid,
});

/** A rule's section. Throws MalformedPolicy for an unknown word. */
export function decodeSection(section: string): RuleOrigin['section'] {
  const known = ruleSections.find((name) => name === section);
  if (known === undefined) throw new MalformedPolicy(`unknown section "${section}"`);
  return known;
}

function at<T>(table: readonly T[], index: number, what: string): T {
  const row = table[index];
  if (row === undefined) throw new MalformedPolicy(`no ${what} ${index} in the message's table`);
  return row;
}
