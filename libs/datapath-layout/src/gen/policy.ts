// Generated from bpf/include/types/policy.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

export const SUBJECTS = 4096;
export const POLICIES = 8192;

/** `struct subject`. Map `subjects`: array by subject index (1 … SUBJECTS - 1): the policy in force for one identity on this node, and its epoch. Read and written as one 64-bit word. Neither index nor epoch is ever given again with a lower epoch. */
export interface Subject {
  /** index into `policies`; 0: none yet (drop 203) */
  readonly policy: number;
  readonly epoch: number;
}
/** Layout of `struct subject`: 8 bytes. */
export const subjectCodec = {
  size: 8,
  offsets: {
    policy: 0,
    epoch: 4,
  },
  read(buffer: Buffer, offset = 0): Subject {
    return {
      policy: buffer.readUInt32LE(offset),
      epoch: buffer.readUInt32LE(offset + 4),
    };
  },
  write(buffer: Buffer, value: Subject, offset = 0): void {
    buffer.writeUInt32LE(value.policy, offset);
    buffer.writeUInt32LE(value.epoch, offset + 4);
  },
  encode(value: Subject): Buffer {
    const buffer = Buffer.alloc(8);
    subjectCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Subject>;

/** `enum policy_flags`. */
export const policyFlags = {
  POLICY_INGRESS_ISOLATED: 1,
  POLICY_EGRESS_ISOLATED: 2,
  /** ingress has entries in class space: look the class up */
  POLICY_INGRESS_CLASSES: 4,
  POLICY_EGRESS_CLASSES: 8,
  POLICY_AUDIT: 16,
} as const;
export type PolicyFlags = (typeof policyFlags)[keyof typeof policyFlags];
/** Names by value. */
export const policyFlagsNames: Readonly<Record<number, keyof typeof policyFlags>> = {
  1: 'POLICY_INGRESS_ISOLATED',
  2: 'POLICY_EGRESS_ISOLATED',
  4: 'POLICY_INGRESS_CLASSES',
  8: 'POLICY_EGRESS_CLASSES',
  16: 'POLICY_AUDIT',
};

/** `struct policy`. Map `policies`: array by policy id (1 … POLICIES - 1). */
export interface Policy {
  /** enum policy_flags */
  readonly flags: number;
  /** the policies whose default deny isolates; 0: not isolated */
  readonly ingressDefaultOrigin: number;
  readonly egressDefaultOrigin: number;
  /** the subject: for receipts */
  readonly identity: number;
  /** first 8 bytes of the compiled policy's digest, big-endian read as a number */
  readonly digest: bigint;
}
/** Layout of `struct policy`: 24 bytes. */
export const policyCodec = {
  size: 24,
  offsets: {
    flags: 0,
    ingressDefaultOrigin: 4,
    egressDefaultOrigin: 8,
    identity: 12,
    digest: 16,
  },
  read(buffer: Buffer, offset = 0): Policy {
    return {
      flags: buffer.readUInt32LE(offset),
      ingressDefaultOrigin: buffer.readUInt32LE(offset + 4),
      egressDefaultOrigin: buffer.readUInt32LE(offset + 8),
      identity: buffer.readUInt32LE(offset + 12),
      digest: buffer.readBigUInt64LE(offset + 16),
    };
  },
  write(buffer: Buffer, value: Policy, offset = 0): void {
    buffer.writeUInt32LE(value.flags, offset);
    buffer.writeUInt32LE(value.ingressDefaultOrigin, offset + 4);
    buffer.writeUInt32LE(value.egressDefaultOrigin, offset + 8);
    buffer.writeUInt32LE(value.identity, offset + 12);
    buffer.writeBigUInt64LE(value.digest, offset + 16);
  },
  encode(value: Policy): Buffer {
    const buffer = Buffer.alloc(24);
    policyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Policy>;

/** `enum policy_space`. */
export const policySpace = {
  /** every peer; peer = 0 */
  SPACE_ANY: 0,
  SPACE_IDENTITY: 1,
  SPACE_CLASS: 2,
} as const;
export type PolicySpace = (typeof policySpace)[keyof typeof policySpace];
/** Names by value. */
export const policySpaceNames: Readonly<Record<number, keyof typeof policySpace>> = {
  0: 'SPACE_ANY',
  1: 'SPACE_IDENTITY',
  2: 'SPACE_CLASS',
};

/** `struct policy_key`. Map `policy_entries`: longest prefix match. Policy, direction, space and peer are always whole (POLICY_KEY_EXACT bits); protocol and port are a prefix: none, protocol, or protocol and the first bits of the port. The longest match of one (policy, direction, space, peer) is the whole truth of it (libs/policy-localize folds wider entries into narrower ones). Three look-ups (identity, class, any): any deny denies, else any allow allows, else the default. */
export interface PolicyKey {
  readonly prefixLength: number;
  readonly policy: number;
  /** enum direction */
  readonly direction: number;
  /** enum policy_space */
  readonly space: number;
  readonly peer: number;
  /** IPPROTO_* */
  readonly protocol: number;
  /** big-endian; unaligned on purpose: bits follow the protocol's. ICMP, ICMPv6: type, code */
  readonly port: Uint8Array;
}
/** Layout of `struct policy_key`: 20 bytes. */
export const policyKeyCodec = {
  size: 20,
  offsets: {
    prefixLength: 0,
    policy: 4,
    direction: 8,
    space: 9,
    peer: 12,
    protocol: 16,
    port: 17,
  },
  read(buffer: Buffer, offset = 0): PolicyKey {
    return {
      prefixLength: buffer.readUInt32LE(offset),
      policy: buffer.readUInt32LE(offset + 4),
      direction: buffer.readUInt8(offset + 8),
      space: buffer.readUInt8(offset + 9),
      peer: buffer.readUInt32LE(offset + 12),
      protocol: buffer.readUInt8(offset + 16),
      port: new Uint8Array(buffer.subarray(offset + 17, offset + 17 + 2)),
    };
  },
  write(buffer: Buffer, value: PolicyKey, offset = 0): void {
    buffer.writeUInt32LE(value.prefixLength, offset);
    buffer.writeUInt32LE(value.policy, offset + 4);
    buffer.writeUInt8(value.direction, offset + 8);
    buffer.writeUInt8(value.space, offset + 9);
    buffer.fill(0, offset + 10, offset + 12);
    buffer.writeUInt32LE(value.peer, offset + 12);
    buffer.writeUInt8(value.protocol, offset + 16);
    if (value.port.length !== 2) throw new RangeError(`port has ${value.port.length} elements, expected 2`);
    buffer.set(value.port, offset + 17);
    buffer.fill(0, offset + 19, offset + 20);
  },
  encode(value: PolicyKey): Buffer {
    const buffer = Buffer.alloc(20);
    policyKeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PolicyKey>;

/** bits of policy, direction, space, padding, peer */
export const POLICY_KEY_EXACT = 96;
export const POLICY_KEY_PROTOCOL = 104;
export const POLICY_KEY_PORT = 120;

/** `struct policy_entry`. */
export interface PolicyEntry {
  /** agent-local number of the set of rules that decided */
  readonly origin: number;
  /** L7 rule set; 0: none */
  readonly ruleSet: number;
  readonly deny: number;
}
/** Layout of `struct policy_entry`: 8 bytes. */
export const policyEntryCodec = {
  size: 8,
  offsets: {
    origin: 0,
    ruleSet: 4,
    deny: 6,
  },
  read(buffer: Buffer, offset = 0): PolicyEntry {
    return {
      origin: buffer.readUInt32LE(offset),
      ruleSet: buffer.readUInt16LE(offset + 4),
      deny: buffer.readUInt8(offset + 6),
    };
  },
  write(buffer: Buffer, value: PolicyEntry, offset = 0): void {
    buffer.writeUInt32LE(value.origin, offset);
    buffer.writeUInt16LE(value.ruleSet, offset + 4);
    buffer.writeUInt8(value.deny, offset + 6);
    buffer.fill(0, offset + 7, offset + 8);
  },
  encode(value: PolicyEntry): Buffer {
    const buffer = Buffer.alloc(8);
    policyEntryCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PolicyEntry>;
