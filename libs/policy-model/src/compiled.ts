/**
 * Compiled policy: what the policy compiler sends to a node for one subject identity. Symbolic (design C7): peers are named by
 * cluster-wide identity or by prefix, never by a number that only one node knows; rules are named by (policy UID, direction, rule index).
 * Canonical: every list is sorted and free of duplicates, so that equal inputs give equal bytes.
 */

/** Transport protocols that policy can name. */
export const protocols = ['TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPv6'] as const;
export type Protocol = (typeof protocols)[number];

/** Direction as the subject sees it. */
export type Direction = 'ingress' | 'egress';

/** The other end of a flow, as an entry names it. */
export type CompiledPeer =
  /** Every address (an unknown one never reaches policy, design D4). */
  | { readonly kind: 'any' }
  /** Exactly this identity: a cluster-wide number (256–65535) or a reserved one that isn't `world`. */
  | { readonly kind: 'identity'; readonly identity: number }
  /** Every address outside the cluster, of one family or (null) of both. */
  | { readonly kind: 'world'; readonly family: 4 | 6 | null }
  /** CiliumNetworkPolicy prefix: addresses outside the cluster that lie in `prefix` and in none of `except`; never a managed endpoint or a node. */
  | { readonly kind: 'cidr'; readonly prefix: string; readonly except: readonly string[] }
  /** Kubernetes `ipBlock`: addresses that lie in `prefix` and in none of `except`, pods and nodes included. */
  | { readonly kind: 'ipBlock'; readonly prefix: string; readonly except: readonly string[] };

/** Inclusive destination port range, 1–65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One match and what it says. `protocol: null` is every protocol; `ports: null` every port (always null with `protocol: null`). */
export interface CompiledEntry {
  readonly peer: CompiledPeer;
  readonly protocol: Protocol | null;
  readonly ports: PortRange | null;
  readonly verdict: 'allow' | 'deny';
  /** The rules this entry came from, sorted; at least one. */
  readonly origins: readonly RuleOrigin[];
}

/** Kinds of policy documents; `Builtin` are rules that no document states, see `allowLocalhost`. */
export type PolicyKind = 'NetworkPolicy' | 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy' | 'Builtin';

/** Names a policy document. `namespace` is '' for cluster-wide kinds. */
export interface PolicyReference {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * One rule of a policy: `ruleIndex` counts within the section it stands in (`ingress`, `egress`, `ingressDeny`, `egressDeny`; for a
 * policy with `specs`, `specIndex` says which one, else 0; with both `spec` and `specs`, `spec` is 0 and `specs` count from 1).
 */
export interface RuleOrigin {
  readonly policy: PolicyReference;
  readonly section: 'ingress' | 'egress' | 'ingressDeny' | 'egressDeny';
  readonly specIndex: number;
  readonly ruleIndex: number;
}

/** The node of a pod may always reach it, or its probes fail (semantics.md, allow-localhost = auto); a deny of `host` wins over it. */
export const allowLocalhost: RuleOrigin = Object.freeze({
  policy: Object.freeze({ kind: 'Builtin', namespace: '', name: 'allow-localhost', uid: '' }),
  section: 'ingress',
  specIndex: 0,
  ruleIndex: 0,
});

/** One direction of one subject. Not isolated: what no deny entry matches is allowed. Isolated: what no allow entry matches is denied. Deny beats allow always. */
export interface CompiledDirection {
  readonly isolated: boolean;
  /** The policies whose default deny isolates this direction, sorted; empty exactly when not isolated. */
  readonly isolatedBy: readonly PolicyReference[];
  readonly entries: readonly CompiledEntry[];
}

/** All policy of one subject identity. */
export interface CompiledPolicy {
  readonly identity: number;
  readonly ingress: CompiledDirection;
  readonly egress: CompiledDirection;
  /** Hex of the first 8 bytes of SHA-256 over the canonical JSON of the two directions (16 characters): kernel, receipts and replicas compare it. */
  readonly digest: string;
}
