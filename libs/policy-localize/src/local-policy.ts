import type { Prefix } from '@myelin/address';
import type { Direction, PolicyReference, RuleOrigin } from '@myelin/policy-model';

/** What a kernel entry is looked up by, beside direction, protocol and port. Class numbers are those of prefixes (`PrefixRow.peerClass`). */
export type PeerKey =
  | { readonly space: 'any' }
  | { readonly space: 'identity'; readonly identity: number }
  | { readonly space: 'class'; readonly number: number };

/** The first `bits` (1–16) bits of a destination port; the others are 0. */
export interface PortBlock {
  readonly port: number;
  readonly bits: number;
}

/**
 * One entry of the kernel's policy table: a prefix of [protocol 8 bits][port 16 bits] per peer key; the longest that matches answers. `protocol` is an IP protocol
 * number; null: every one (no bits), with `port` null then. The entry that answers a look-up is the whole truth of its peer key.
 */
export interface LocalEntry {
  readonly peer: PeerKey;
  readonly protocol: number | null;
  readonly port: PortBlock | null;
  readonly verdict: 'allow' | 'deny';
  /** Number of the rules that decided, see `OriginRow`. */
  readonly origin: number;
}

/** One direction of a subject. `defaultOrigin` names the policies that isolate it; 0 when it isn't isolated. */
export interface LocalDirection {
  readonly isolated: boolean;
  readonly defaultOrigin: number;
  /** In one order, free of duplicates and of entries that a wider one makes redundant. */
  readonly entries: readonly LocalEntry[];
}

/** Everything the kernel needs of one subject identity; `digest` is the compiled policy's. */
export interface LocalPolicy extends Readonly<Record<Direction, LocalDirection>> {
  readonly identity: number;
  readonly digest: string;
}

/**
 * One row of the kernel's prefix table. `identity` is that of addresses which no endpoint or node has: a local number, or 0 (unknown) inside
 * the cluster's own ranges. `peerClass` is the class of every address that this row is the longest match of; 0: none.
 */
export interface PrefixRow {
  readonly prefix: Prefix;
  readonly identity: number;
  readonly peerClass: number;
}

/** What an origin number stands for: the rules that decided, or the policies whose default deny did. */
export type Origin =
  | { readonly kind: 'rules'; readonly rules: readonly RuleOrigin[] }
  | { readonly kind: 'default-deny'; readonly policies: readonly PolicyReference[] };

/** An origin and its number, 1 or more. */
export interface OriginRow {
  readonly number: number;
  readonly origin: Origin;
}

/** All numbers given, as plain data: kept over a restart, so that what the kernel holds keeps its meaning. */
export interface Allocation {
  readonly nextPrefix: number;
  /** Prefix text and number. */
  readonly prefixes: readonly (readonly [string, number])[];
  readonly nextOrigin: number;
  readonly origins: readonly OriginRow[];
}

/** IP protocol numbers of the protocols that policy names. */
export const protocolNumbers = Object.freeze({ TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPv6: 58 } as const);
