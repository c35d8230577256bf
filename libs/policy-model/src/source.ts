import type { LabelSource } from '@myelin/labels';
import type { Direction, PolicyReference, PortRange, RuleOrigin } from './compiled.ts';

/*
 * Source model: what a policy document says, whatever its kind. policy-parse has already put in all that a kind leaves unsaid (the namespace
 * it is confined to, default protocols, who is meant by an absent peer), so that nobody after it asks which kind it was.
 */

/** Condition on one label. `NotIn` and `DoesNotExist` hold for an identity without the key. Source `any` sees labels of every source but hidden ones. */
export interface LabelRequirement {
  readonly source: Exclude<LabelSource, 'named-port'>;
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Sorted, free of duplicates; empty exactly with Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** Conditions that must all hold: sorted, free of duplicates. None: every identity, reserved ones included. */
export type LabelSelector = readonly LabelRequirement[];

/** Classes of peers that have a name in CiliumNetworkPolicy. */
export const entities = [
  'all',
  'world',
  'world-ipv4',
  'world-ipv6',
  'cluster',
  'host',
  'remote-node',
  'kube-apiserver',
  'ingress',
  'init',
  'health',
  'unmanaged',
  'none',
] as const;
export type Entity = (typeof entities)[number];

/** Who a rule speaks of: one of several alternatives. */
export type Peer =
  /** Every source or destination, cluster or not. */
  | { readonly kind: 'any' }
  | { readonly kind: 'endpoints'; readonly selector: LabelSelector }
  | { readonly kind: 'entity'; readonly entity: Entity }
  /** Addresses outside the cluster in `prefix` and in none of `except`; canonical text. */
  | { readonly kind: 'cidr'; readonly prefix: string; readonly except: readonly string[] }
  /** Addresses in `prefix` and in none of `except`, pods and nodes included; canonical text. */
  | { readonly kind: 'ipBlock'; readonly prefix: string; readonly except: readonly string[] };

/** Protocols whose ports policy can name. */
export type PortProtocol = 'TCP' | 'UDP' | 'SCTP';

/**
 * One alternative of a rule's ports: `ports` null is every port of the protocol; a name is resolved by the labels of the destination's identity
 * (the subject at ingress, each peer at egress).
 */
export type PortMatch =
  | { readonly protocol: PortProtocol; readonly ports: PortRange | null }
  | { readonly protocol: PortProtocol; readonly portName: string };

/** One rule: peers and ports are a conjunction, the members of each are alternatives. An empty list matches nothing. */
export interface Rule {
  readonly section: RuleOrigin['section'];
  readonly ruleIndex: number;
  readonly peers: readonly Peer[];
  /** Null: every protocol and port. */
  readonly ports: readonly PortMatch[] | null;
}

/** A subject selector with its rules. Most policies have one; a CiliumNetworkPolicy with `specs` has several. */
export interface PolicySpec {
  readonly specIndex: number;
  readonly subject: LabelSelector;
  /** Directions that this spec isolates: nothing but what rules allow. */
  readonly isolates: Readonly<Record<Direction, boolean>>;
  readonly rules: readonly Rule[];
}

/** One policy document. */
export interface Policy {
  readonly reference: PolicyReference;
  readonly specs: readonly PolicySpec[];
}

/** Direction and verdict of a section's rules. */
export const sections = Object.freeze({
  ingress: { direction: 'ingress', verdict: 'allow' },
  egress: { direction: 'egress', verdict: 'allow' },
  ingressDeny: { direction: 'ingress', verdict: 'deny' },
  egressDeny: { direction: 'egress', verdict: 'deny' },
} as const satisfies Record<RuleOrigin['section'], { direction: Direction; verdict: 'allow' | 'deny' }>);
