import {
  POLICY_KEY_EXACT,
  POLICY_KEY_PORT,
  POLICY_KEY_PROTOCOL,
  policyCodec,
  policyEntryCodec,
  policyFlags,
  policyKeyCodec,
} from '@myelin/datapath-layout';

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
  /** The direction has entries in class space. */
  readonly ingressClasses: boolean;
  readonly egressClasses: boolean;
  readonly entries: readonly PolicyImageEntry[];
}

/** What stands in `policies`: the head of an image. */
export type PolicyHead = Omit<PolicyImage, 'entries'>;

/** Value of map `policies`. */
export function encodeHead(image: PolicyHead): Buffer {
  const flags =
    (image.ingressIsolated ? policyFlags.POLICY_INGRESS_ISOLATED : 0) |
    (image.egressIsolated ? policyFlags.POLICY_EGRESS_ISOLATED : 0) |
    (image.ingressClasses ? policyFlags.POLICY_INGRESS_CLASSES : 0) |
    (image.egressClasses ? policyFlags.POLICY_EGRESS_CLASSES : 0);
  const { ingressDefaultOrigin, egressDefaultOrigin, identity, digest } = image;
  return policyCodec.encode({ flags, ingressDefaultOrigin, egressDefaultOrigin, identity, digest: BigInt(`0x${digest}`) });
}

/** Reads what `encodeHead` wrote. */
export function decodeHead(value: Buffer): PolicyHead {
  const { flags, ingressDefaultOrigin, egressDefaultOrigin, identity, digest } = policyCodec.read(value);
  return {
    identity,
    digest: digest.toString(16).padStart(16, '0'),
    ingressIsolated: (flags & policyFlags.POLICY_INGRESS_ISOLATED) !== 0,
    egressIsolated: (flags & policyFlags.POLICY_EGRESS_ISOLATED) !== 0,
    ingressDefaultOrigin,
    egressDefaultOrigin,
    ingressClasses: (flags & policyFlags.POLICY_INGRESS_CLASSES) !== 0,
    egressClasses: (flags & policyFlags.POLICY_EGRESS_CLASSES) !== 0,
  };
}

/** Keys and values of map `policy_entries` for a policy id, end to end. */
export function encodeEntries(id: number, entries: readonly PolicyImageEntry[]): { readonly keys: Buffer; readonly values: Buffer } {
  const keys = Buffer.alloc(entries.length * policyKeyCodec.size);
  const values = Buffer.alloc(entries.length * policyEntryCodec.size);
  entries.forEach(({ direction, space, peer, protocol, port, portBits, origin, ruleSet, deny }, index) => {
    const prefixLength = protocol === null ? POLICY_KEY_EXACT : portBits === 0 ? POLICY_KEY_PROTOCOL : POLICY_KEY_PORT - 16 + portBits;
    const key = { prefixLength, policy: id, direction, space, peer, protocol: protocol ?? 0, port: Uint8Array.of(port >> 8, port & 255) };
    policyKeyCodec.write(keys, key, index * policyKeyCodec.size);
    policyEntryCodec.write(values, { origin, ruleSet, deny: deny ? 1 : 0 }, index * policyEntryCodec.size);
  });
  return { keys, values };
}

/** Reads one key and its value. */
export function decodeEntry(key: Buffer, value: Buffer): { readonly id: number; readonly entry: PolicyImageEntry } {
  const { prefixLength, policy, direction, space, peer, protocol, port } = policyKeyCodec.read(key);
  const { origin, ruleSet, deny } = policyEntryCodec.read(value);
  const portBits = Math.max(0, prefixLength - POLICY_KEY_PROTOCOL);
  const wanted = {
    direction,
    space,
    peer,
    protocol: prefixLength < POLICY_KEY_PROTOCOL ? null : protocol,
    port: (port[0]! << 8) | port[1]!,
    portBits,
  };
  return { id: policy, entry: { ...wanted, deny: deny !== 0, origin, ruleSet } };
}
