import { createHash } from 'node:crypto';
import type { CompiledDirection, CompiledEntry, CompiledPeer, PolicyReference, RuleOrigin } from './compiled.ts';

/*
 * Canonical JSON is written here by hand, field by field in one order, so that it doesn't depend on how an object came to be (built here,
 * decoded from a message, read from a file).
 */

const text = JSON.stringify as (value: string | number | boolean | null) => string;

const policyTexts = new WeakMap<PolicyReference, string>();
const originTexts = new WeakMap<RuleOrigin, string>();

function remembered<T extends object>(cache: WeakMap<T, string>, key: T, write: (key: T) => string): string {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const written = write(key);
  cache.set(key, written);
  return written;
}

const writePolicy = ({ kind, namespace, name, uid }: PolicyReference) =>
  `{"kind":${text(kind)},"namespace":${text(namespace)},"name":${text(name)},"uid":${text(uid)}}`;

const policyText = (policy: PolicyReference) => remembered(policyTexts, policy, writePolicy);

const writeOrigin = ({ policy, section, specIndex, ruleIndex }: RuleOrigin) =>
  `{"policy":${policyText(policy)},"section":"${section}","specIndex":${specIndex},"ruleIndex":${ruleIndex}}`;

const originText = (origin: RuleOrigin) => remembered(originTexts, origin, writeOrigin);

function peerText(peer: CompiledPeer): string {
  switch (peer.kind) {
    case 'any':
      return '{"kind":"any"}';
    case 'identity':
      return `{"kind":"identity","identity":${peer.identity}}`;
    case 'world':
      return `{"kind":"world","family":${peer.family}}`;
    case 'cidr':
    case 'ipBlock':
      return `{"kind":"${peer.kind}","prefix":${text(peer.prefix)},"except":[${peer.except.map(text).join(',')}]}`;
  }
}

function entryText({ peer, protocol, ports, verdict, origins }: CompiledEntry): string {
  const portText = ports === null ? 'null' : `{"first":${ports.first},"last":${ports.last}}`;
  const match = `"peer":${peerText(peer)},"protocol":${text(protocol)},"ports":${portText}`;
  return `{${match},"verdict":"${verdict}","origins":[${origins.map(originText).join(',')}]}`;
}

/** Canonical JSON of one direction. */
export function canonicalJson({ isolated, isolatedBy, entries }: CompiledDirection): string {
  return `{"isolated":${isolated},"isolatedBy":[${isolatedBy.map(policyText).join(',')}],"entries":[${entries.map(entryText).join(',')}]}`;
}

/** Digest of a compiled policy: the first 8 bytes of SHA-256 over the canonical JSON of both directions, in hex (16 characters). */
export function digestOf(ingress: CompiledDirection, egress: CompiledDirection): string {
  return createHash('sha256')
    .update(`{"ingress":${canonicalJson(ingress)},"egress":${canonicalJson(egress)}}`)
    .digest('hex')
    .slice(0, 16);
}
