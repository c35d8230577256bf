import type { BpfObject } from '@myelin/bpf-native';
import { layOut, type PolicyImageEntry } from '@myelin/datapath';
import { direction, policyBucketCodec, policyCodec, policyFlags, policySpace, subjectCodec } from '@myelin/datapath-layout';
import { integerKey, TestMap } from './test-map.ts';

/** One entry, as the kernel sees it. */
export interface Entry {
  readonly direction: 'ingress' | 'egress';
  /** Every peer, one identity, or one class of prefixes. */
  readonly peer: 'any' | { readonly identity: number } | { readonly class: number };
  readonly protocol?: number;
  /** Only with a protocol. ICMP: type × 256 + code. */
  readonly port?: number;
  /** How many leading bits of the port count. Default all. */
  readonly portBits?: number;
  readonly deny?: boolean;
  readonly ruleSet?: number;
  readonly origin: number;
}

/** A policy; a direction that has a default origin is isolated. */
export interface PolicySpec {
  readonly ingressDefault?: number;
  readonly egressDefault?: number;
  readonly audit?: boolean;
  readonly entries?: readonly Entry[];
}

/** Writes policies as the agent does: fill an id, flip the subject to it. */
export class PolicyTables {
  readonly #subjects: TestMap;
  readonly #policies: TestMap;
  readonly #entries: TestMap;
  readonly #turn: (change: (epoch: number) => void) => void;
  #nextId = 1;
  #nextBucket = 0;

  constructor(object: BpfObject, turn: (change: (epoch: number) => void) => void) {
    this.#subjects = new TestMap(object.map('subjects'));
    this.#policies = new TestMap(object.map('policies'));
    this.#entries = new TestMap(object.map('policy_entries'));
    this.#turn = turn;
  }

  reset(): void {
    for (const table of [this.#subjects, this.#policies, this.#entries]) table.reset();
    this.#nextBucket = 0;
  }

  /** Puts a policy in force for the subject; returns its id. */
  set(subject: number, spec: PolicySpec): number {
    const id = this.fill(spec);
    this.flip(subject, id);
    return id;
  }

  /** Writes a policy under an id that nobody uses. */
  fill({ ingressDefault = 0, egressDefault = 0, audit = false, entries = [] }: PolicySpec): number {
    const id = this.#nextId++;
    const flags =
      (ingressDefault ? policyFlags.POLICY_INGRESS_ISOLATED : 0) |
      (egressDefault ? policyFlags.POLICY_EGRESS_ISOLATED : 0) |
      (audit ? policyFlags.POLICY_AUDIT : 0);
    const { count, sizes, bytes } = layOut(entries.map(imageEntry));
    const first = this.#nextBucket;
    this.#nextBucket += count;
    for (let bucket = 0; bucket < count; bucket++) {
      const at = bucket * policyBucketCodec.size;
      this.#entries.write(integerKey(first + bucket), bytes.subarray(at, at + policyBucketCodec.size));
    }
    const head = { flags, ingressDefaultOrigin: ingressDefault, egressDefaultOrigin: egressDefault, identity: 0, digest: 0n };
    this.#policies.write(integerKey(id), policyCodec.encode({ ...head, first, buckets: count, sizes }));
    return id;
  }

  /** Policy 0: none. */
  flip(subject: number, policy: number): void {
    this.#turn((epoch) => this.#subjects.write(integerKey(subject), subjectCodec.encode({ policy, epoch })));
  }
}

function imageEntry({ direction: way, peer, protocol, port, portBits = 16, origin, ruleSet = 0, deny = false }: Entry): PolicyImageEntry {
  const { SPACE_ANY, SPACE_IDENTITY, SPACE_CLASS } = policySpace;
  return {
    direction: way === 'ingress' ? direction.DIRECTION_INGRESS : direction.DIRECTION_EGRESS,
    space: peer === 'any' ? SPACE_ANY : 'identity' in peer ? SPACE_IDENTITY : SPACE_CLASS,
    peer: peer === 'any' ? 0 : 'identity' in peer ? peer.identity : peer.class,
    protocol: protocol ?? null,
    port: port ?? 0,
    portBits: port === undefined ? 0 : portBits,
    origin,
    ruleSet,
    deny,
  };
}
