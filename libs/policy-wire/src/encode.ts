import type * as wire from '@myelin/contracts/policy';
import type { CompiledDirection, CompiledEntry, CompiledPolicy, PolicyReference, RuleOrigin } from '@myelin/policy-model';

/** Gives each distinct value an index, in order of first use. */
class Table<T, W> {
  readonly rows: W[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #key: (value: T) => string;
  readonly #row: (value: T) => W;

  constructor(key: (value: T) => string, row: (value: T) => W) {
    this.#key = key;
    this.#row = row;
  }

  indexOf(value: T): number {
    const key = this.#key(value);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.rows.length);
    return this.rows.push(this.#row(value)) - 1;
  }
}

const policyKey = ({ kind, namespace, name, uid }: PolicyReference) => JSON.stringify([kind, namespace, name, uid]);

/** Compiled policy → message. Policies and rules become tables; entries refer to them by index. Same input, same bytes (C7). */
export function encodeCompiledPolicy(policy: CompiledPolicy): wire.CompiledPolicy {
  const policies = new Table<PolicyReference, wire.PolicyReference>(policyKey, ({ kind, namespace, name, uid }) => ({
    kind,
    namespace,
    name,
    uid,
  }));
  const rules = new Table<RuleOrigin, wire.RuleOrigin>(
    ({ policy: of, section, specIndex, ruleIndex }) => JSON.stringify([policyKey(of), section, specIndex, ruleIndex]),
    ({ policy: of, section, specIndex, ruleIndex }) => ({ policy: policies.indexOf(of), section, specIndex, ruleIndex }),
  );
  const direction = ({ isolated, isolatedBy, entries }: CompiledDirection): wire.CompiledDirection => ({
    isolated,
    isolatedBy: isolatedBy.map((of) => policies.indexOf(of)),
    entries: entries.map((entry) => encodeEntry(entry, rules)),
  });
  const ingress = direction(policy.ingress);
  const egress = direction(policy.egress);
  return { identity: policy.identity, ingress, egress, digest: policy.digest, policies: policies.rows, rules: rules.rows };
}

function encodeEntry(
  { peer, protocol, ports, verdict, origins }: CompiledEntry,
  rules: Table<RuleOrigin, wire.RuleOrigin>,
): wire.CompiledEntry {
  return {
    peer: encodePeer(peer),
    protocol: protocol ?? '',
    firstPort: ports?.first ?? 0,
    lastPort: ports?.last ?? 0,
    deny: verdict === 'deny',
    origins: origins.map((origin) => rules.indexOf(origin)),
  };
}

function encodePeer(peer: CompiledEntry['peer']): wire.CompiledEntry['peer'] {
  switch (peer.kind) {
    case 'any':
      return { $case: 'any', value: {} };
    case 'identity':
      return { $case: 'identity', value: peer.identity };
    case 'world':
      return { $case: 'world', value: { family: peer.family ?? 0 } };
    case 'cidr':
      return { $case: 'cidr', value: { prefix: peer.prefix, except: [...peer.except] } };
    case 'ipBlock':
      return { $case: 'ipBlock', value: { prefix: peer.prefix, except: [...peer.except] } };
  }
}
