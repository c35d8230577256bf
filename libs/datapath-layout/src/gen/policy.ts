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
  POLICY_AUDIT: 4,
} as const;
export type PolicyFlags = (typeof policyFlags)[keyof typeof policyFlags];
/** Names by value. */
export const policyFlagsNames: Readonly<Record<number, keyof typeof policyFlags>> = {
  1: 'POLICY_INGRESS_ISOLATED',
  2: 'POLICY_EGRESS_ISOLATED',
  4: 'POLICY_AUDIT',
};

/** `enum policy_space`. */
export const policySpace = {
  /** every peer; peer = 0 */
  SPACE_ANY: 0,
  SPACE_IDENTITY: 1,
  SPACE_CLASS: 2,
  POLICY_SPACES: 3,
} as const;
export type PolicySpace = (typeof policySpace)[keyof typeof policySpace];
/** Names by value. */
export const policySpaceNames: Readonly<Record<number, keyof typeof policySpace>> = {
  0: 'SPACE_ANY',
  1: 'SPACE_IDENTITY',
  2: 'SPACE_CLASS',
  3: 'POLICY_SPACES',
};

/** `struct policy`. Map `policies`: array by policy id (1 … POLICIES - 1). A cache line. */
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
  /** of its buckets in `policy_entries` */
  readonly first: number;
  readonly buckets: number;
  /** by (direction - 1) × POLICY_SPACES + space: sum of the port blocks' sizes that occur there; 0: nothing to look up */
  readonly sizes: readonly number[];
}
/** Layout of `struct policy`: 64 bytes. */
export const policyCodec = {
  size: 64,
  offsets: {
    flags: 0,
    ingressDefaultOrigin: 4,
    egressDefaultOrigin: 8,
    identity: 12,
    digest: 16,
    first: 24,
    buckets: 28,
    sizes: 32,
  },
  read(buffer: Buffer, offset = 0): Policy {
    return {
      flags: buffer.readUInt32LE(offset),
      ingressDefaultOrigin: buffer.readUInt32LE(offset + 4),
      egressDefaultOrigin: buffer.readUInt32LE(offset + 8),
      identity: buffer.readUInt32LE(offset + 12),
      digest: buffer.readBigUInt64LE(offset + 16),
      first: buffer.readUInt32LE(offset + 24),
      buckets: buffer.readUInt32LE(offset + 28),
      sizes: Array.from({ length: 6 }, (_, index) => buffer.readUInt32LE(offset + 32 + index * 4)),
    };
  },
  write(buffer: Buffer, value: Policy, offset = 0): void {
    buffer.writeUInt32LE(value.flags, offset);
    buffer.writeUInt32LE(value.ingressDefaultOrigin, offset + 4);
    buffer.writeUInt32LE(value.egressDefaultOrigin, offset + 8);
    buffer.writeUInt32LE(value.identity, offset + 12);
    buffer.writeBigUInt64LE(value.digest, offset + 16);
    buffer.writeUInt32LE(value.first, offset + 24);
    buffer.writeUInt32LE(value.buckets, offset + 28);
    if (value.sizes.length !== 6) throw new RangeError(`sizes has ${value.sizes.length} elements, expected 6`);
    value.sizes.forEach((element, index) => {
      buffer.writeUInt32LE(element, offset + 32 + index * 4);
    });
    buffer.fill(0, offset + 56, offset + 64);
  },
  encode(value: Policy): Buffer {
    const buffer = Buffer.alloc(64);
    policyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Policy>;

/** `enum policy_key`. What an entry is about: peer | block << 32 | protocol << 50 | space << 58 | direction << 60; never 0. Block: a size (1 … 32768 ports, a power of two; POLICY_EVERY_PORT; POLICY_EVERY_PROTOCOL, protocol 0) plus twice the block's first port, which is a multiple of it. Of ICMP: type × 256 + code. */
export const policyKey = {
  POLICY_KEY_BLOCK: 32,
  POLICY_KEY_PROTOCOL: 50,
  POLICY_KEY_SPACE: 58,
  POLICY_KEY_DIRECTION: 60,
  POLICY_EVERY_PORT: 65536,
  POLICY_EVERY_PROTOCOL: 131072,
} as const;
export type PolicyKey = (typeof policyKey)[keyof typeof policyKey];
/** Names by value. */
export const policyKeyNames: Readonly<Record<number, keyof typeof policyKey>> = {
  32: 'POLICY_KEY_BLOCK',
  50: 'POLICY_KEY_PROTOCOL',
  58: 'POLICY_KEY_SPACE',
  60: 'POLICY_KEY_DIRECTION',
  65536: 'POLICY_EVERY_PORT',
  131072: 'POLICY_EVERY_PROTOCOL',
};

/** `struct policy_entry`. The last four fields are read as one word. */
export interface PolicyEntry {
  /** 0: no entry */
  readonly key: bigint;
  /** agent-local number of the set of rules that decided */
  readonly origin: number;
  /** L7 rule set; 0: none */
  readonly ruleSet: number;
  readonly deny: number;
  /** 1 */
  readonly used: number;
}
/** Layout of `struct policy_entry`: 16 bytes. */
export const policyEntryCodec = {
  size: 16,
  offsets: {
    key: 0,
    origin: 8,
    ruleSet: 12,
    deny: 14,
    used: 15,
  },
  read(buffer: Buffer, offset = 0): PolicyEntry {
    return {
      key: buffer.readBigUInt64LE(offset),
      origin: buffer.readUInt32LE(offset + 8),
      ruleSet: buffer.readUInt16LE(offset + 12),
      deny: buffer.readUInt8(offset + 14),
      used: buffer.readUInt8(offset + 15),
    };
  },
  write(buffer: Buffer, value: PolicyEntry, offset = 0): void {
    buffer.writeBigUInt64LE(value.key, offset);
    buffer.writeUInt32LE(value.origin, offset + 8);
    buffer.writeUInt16LE(value.ruleSet, offset + 12);
    buffer.writeUInt8(value.deny, offset + 14);
    buffer.writeUInt8(value.used, offset + 15);
  },
  encode(value: PolicyEntry): Buffer {
    const buffer = Buffer.alloc(16);
    policyEntryCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PolicyEntry>;

export const POLICY_BUCKETS = 262144;
export const POLICY_WAYS = 4;
export const POLICY_PROBES = 8;

/** `struct policy_bucket`. Map `policy_entries`: array of buckets. Each policy has some in a row, filled before a subject is pointed to it and never changed afterwards. An entry lies in the first bucket that had room, from the one that its key's hash names (h = high half of key × 0x9e3779b97f4a7c15, h × buckets >> 32), round the policy's buckets, at most POLICY_PROBES of them; ways are filled in order. The smallest block that holds the packet's port has the whole truth of one (direction, space, peer) (libs/policy-localize folds wider entries into narrower ones). Three look-ups (identity, class, any): any deny denies, else any allow allows, else the default. */
export interface PolicyBucket {
  readonly ways: readonly PolicyEntry[];
}
/** Layout of `struct policy_bucket`: 64 bytes. */
export const policyBucketCodec = {
  size: 64,
  offsets: {
    ways: 0,
  },
  read(buffer: Buffer, offset = 0): PolicyBucket {
    return {
      ways: Array.from({ length: 4 }, (_, index) => policyEntryCodec.read(buffer, offset + index * 16)),
    };
  },
  write(buffer: Buffer, value: PolicyBucket, offset = 0): void {
    if (value.ways.length !== 4) throw new RangeError(`ways has ${value.ways.length} elements, expected 4`);
    value.ways.forEach((element, index) => {
      policyEntryCodec.write(buffer, element, offset + index * 16);
    });
  },
  encode(value: PolicyBucket): Buffer {
    const buffer = Buffer.alloc(64);
    policyBucketCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PolicyBucket>;
