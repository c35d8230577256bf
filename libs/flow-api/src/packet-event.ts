import type { Address } from '@myelin/address';
import type { PolicyReference, RuleOrigin } from '@myelin/policy-model';

/** One end of an event. `identity`: that the kernel knew when it decided; 0: it had not looked, or nobody has the address. `port` is 0 where the protocol has none; `mac` is `aa:bb:cc:dd:ee:ff`, '' where no packet is told of; `slot` is the node's number of the endpoint, 0 for any other. */
export interface PacketEnd {
  readonly address: Address;
  readonly port: number;
  readonly identity: number;
  readonly slot: number;
  readonly mac: string;
}

/** What the datapath reports, in words of its own: one record of the kernel's ring buffer, decoded. */
export interface PacketEvent {
  /** `verdict`: a new flow was let through; `drop`: a packet was dropped; `close`: a flow ended. */
  readonly kind: 'verdict' | 'drop' | 'close';
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Numbers of flow.Verdict and flow.DropReason. */
  readonly verdict: number;
  readonly reason: number;
  /** The end that looked at the packet: for a drop, where it was decided; null: of no one packet. */
  readonly direction: 'ingress' | 'egress' | null;
  /** 0: the packet was neither IPv4 nor IPv6. */
  readonly family: 0 | 4 | 6;
  /** IPPROTO_* number. */
  readonly protocol: number;
  readonly tcpFlags: number;
  /** Type and code of an ICMP or ICMPv6 packet; null for other protocols, and for what is told of a whole flow. */
  readonly icmp: { readonly type: number; readonly code: number } | null;
  readonly source: PacketEnd;
  readonly destination: PacketEnd;
  /** Node-local number of who decided at each end; 0: nobody (not isolated, or not asked). */
  readonly egressOrigin: number;
  readonly ingressOrigin: number;
  /** Null: the packet was dropped before its flow was looked for. */
  readonly isReply: boolean | null;
  readonly interfaceIndex: number;
  /** Bytes of the packet. */
  readonly length: number;
  /** Drops like this one that had no event of their own since the last. */
  readonly repeats: number;
  /** Of a closed flow's direction. */
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Who decided: rules that matched, or policies whose default deny nothing opened. */
export type Decider =
  | { readonly kind: 'rules'; readonly rules: readonly RuleOrigin[] }
  | { readonly kind: 'default-deny'; readonly policies: readonly PolicyReference[] };

/** An endpoint as people know it. */
export interface NamedEndpoint {
  readonly namespace: string;
  readonly name: string;
}

/** What a node knows beyond numbers, as of the time of the event. Null: not known (any more). */
export interface FlowNames {
  readonly nodeName: string;
  readonly clusterName: string;
  /** The endpoint, of any node, that has an address. */
  endpoint(address: Address): NamedEndpoint | null;
  /** The endpoint of this node that has a slot. */
  endpointInSlot(slot: number): (NamedEndpoint & { readonly identity: number }) | null;
  /** The Service that has an address. */
  service(address: Address): NamedEndpoint | null;
  /** What the kernel's tables take an address for: the number of whoever has it, or of the prefix that covers it. 0: unknown. */
  identityOf(address: Address): number;
  /** Visible labels of an identity, node-local ones (`cidr:` labels) included; empty: unknown. */
  labels(identity: number): readonly string[];
  decider(origin: number): Decider | null;
  interfaceName(index: number): string | null;
}
