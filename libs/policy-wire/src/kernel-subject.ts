import type * as wire from '@myelin/contracts/agent';
import type { LocalDirection, LocalEntry, LocalPolicy, Origin, PeerKey } from '@myelin/policy-localize';
import type { RuleOrigin } from '@myelin/policy-model';
import { decodeReference, decodeSection, MalformedPolicy } from './decode.ts';

/** A subject's policy as it stands in a node's kernel → message. `originOf`: what the node's origin numbers stand for; one that nobody knows is left out. */
export function encodeKernelSubject(policy: LocalPolicy, originOf: (number: number) => Origin | null): wire.KernelSubject {
  const directions = [policy.ingress, policy.egress];
  const numbers = new Set(directions.flatMap(({ defaultOrigin, entries }) => [defaultOrigin, ...entries.map(({ origin }) => origin)]));
  const origins = [...numbers].flatMap((number) => {
    const origin = originOf(number);
    return origin === null ? [] : [encodeOrigin(number, origin)];
  });
  const { identity, digest, ingress, egress } = policy;
  return { identity, digest, ingress: encodeDirection(ingress), egress: encodeDirection(egress), origins };
}

function encodeOrigin(number: number, origin: Origin): wire.KernelOrigin {
  const isolatedBy = origin.kind === 'default-deny' ? origin.policies.map((policy) => ({ ...policy })) : [];
  const rules = origin.kind === 'rules' ? origin.rules.map((rule) => ({ ...rule, policy: { ...rule.policy } })) : [];
  return { number, rules, isolatedBy };
}

function encodeDirection({ isolated, defaultOrigin, entries }: LocalDirection): wire.KernelDirection {
  return { isolated, defaultOrigin, entries: entries.map(encodeEntry) };
}

function encodeEntry({ peer, protocol, port, verdict, origin }: LocalEntry): wire.KernelEntry {
  return {
    peer: encodePeer(peer),
    protocol: protocol ?? undefined,
    port: port?.port ?? 0,
    portBits: port?.bits ?? 0,
    deny: verdict === 'deny',
    origin,
  };
}

function encodePeer(peer: PeerKey): wire.KernelEntry['peer'] {
  switch (peer.space) {
    case 'any':
      return { $case: 'any', value: {} };
    case 'identity':
      return { $case: 'identity', value: peer.identity };
    case 'class':
      return { $case: 'class', value: peer.number };
  }
}

/** Message → policy and origins. Throws MalformedPolicy where a part is missing. */
export function decodeKernelSubject(message: wire.KernelSubject): {
  readonly policy: LocalPolicy;
  readonly originOf: (number: number) => Origin | null;
} {
  const origins = new Map(message.origins.map((origin) => [origin.number, decodeOrigin(origin)]));
  const { identity, digest } = message;
  const policy = { identity, digest, ingress: decodeDirection(message.ingress), egress: decodeDirection(message.egress) };
  return { policy, originOf: (number) => origins.get(number) ?? null };
}

function decodeOrigin({ rules, isolatedBy }: wire.KernelOrigin): Origin {
  if (rules.length === 0) return { kind: 'default-deny', policies: isolatedBy.map(decodeReference) };
  return { kind: 'rules', rules: rules.map(decodeRule) };
}

function decodeRule({ policy, section, specIndex, ruleIndex }: wire.KernelRule): RuleOrigin {
  if (policy === undefined) throw new MalformedPolicy('a rule has no policy');
  return { policy: decodeReference(policy), section: decodeSection(section), specIndex, ruleIndex };
}

function decodeDirection(message: wire.KernelDirection | undefined): LocalDirection {
  if (message === undefined) throw new MalformedPolicy('a subject has no direction');
  const { isolated, defaultOrigin, entries } = message;
  return { isolated, defaultOrigin, entries: entries.map(decodeEntry) };
}

function decodeEntry({ peer, protocol, port, portBits, deny, origin }: wire.KernelEntry): LocalEntry {
  return {
    peer: decodePeer(peer),
    protocol: protocol ?? null,
    port: portBits === 0 ? null : { port, bits: portBits },
    verdict: deny ? 'deny' : 'allow',
    origin,
  };
}

function decodePeer(peer: wire.KernelEntry['peer']): PeerKey {
  switch (peer?.$case) {
    case undefined:
      throw new MalformedPolicy('an entry has no peer that this version knows');
    case 'any':
      return { space: 'any' };
    case 'identity':
      return { space: 'identity', identity: peer.value };
    case 'class':
      return { space: 'class', number: peer.value };
  }
}
