import { policyCodec, policyFlags } from '@myelin/datapath-layout';

/** One entry of a policy as the kernel matches it: numbers of `enum direction`, `enum policy_space`, IPPROTO_*. */
export interface PolicyImageEntry {
  readonly direction: number;
  readonly space: number;
  readonly peer: number;
  /** Null: every protocol (then `portBits` is 0). */
  readonly protocol: number | null;
  /** First port of the range, and how many of its 16 bits are fixed (0: every port). */
  readonly port: number;
  readonly portBits: number;
  readonly deny: boolean;
  readonly origin: number;
  readonly ruleSet: number;
}

/** All that the kernel holds of one subject's policy. `digest`: 16 hex digits. */
export interface PolicyImage {
  readonly identity: number;
  readonly digest: string;
  readonly ingressIsolated: boolean;
  readonly egressIsolated: boolean;
  readonly ingressDefaultOrigin: number;
  readonly egressDefaultOrigin: number;
  readonly entries: readonly PolicyImageEntry[];
}

/** What stands in `policies`: the head of an image. */
export type PolicyHead = Omit<PolicyImage, 'entries'>;

/** Where an image's entries lie in `policy_entries`, and what they are about. */
export interface PolicyPlace {
  readonly first: number;
  readonly buckets: number;
  readonly sizes: readonly number[];
}

/** Value of map `policies`. */
export function encodeHead(image: PolicyHead, place: PolicyPlace): Buffer {
  const flags =
    (image.ingressIsolated ? policyFlags.POLICY_INGRESS_ISOLATED : 0) | (image.egressIsolated ? policyFlags.POLICY_EGRESS_ISOLATED : 0);
  const { ingressDefaultOrigin, egressDefaultOrigin, identity, digest } = image;
  return policyCodec.encode({ flags, ingressDefaultOrigin, egressDefaultOrigin, identity, digest: BigInt(`0x${digest}`), ...place });
}

/** Reads what `encodeHead` wrote. */
export function decodeHead(value: Buffer): { readonly head: PolicyHead; readonly place: PolicyPlace } {
  const { flags, ingressDefaultOrigin, egressDefaultOrigin, identity, digest, first, buckets, sizes } = policyCodec.read(value);
  const head = {
    identity,
    digest: digest.toString(16).padStart(16, '0'),
    ingressIsolated: (flags & policyFlags.POLICY_INGRESS_ISOLATED) !== 0,
    egressIsolated: (flags & policyFlags.POLICY_EGRESS_ISOLATED) !== 0,
    ingressDefaultOrigin,
    egressDefaultOrigin,
  };
  return { head, place: { first, buckets, sizes } };
}
