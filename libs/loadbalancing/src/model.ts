import type { Family } from '@myelin/address';

/*
 * Services and endpoint slices as the rest of this library sees them: read from Kubernetes objects, defaults filled in, addresses in canonical text
 * (RFC 5952, dotted quad).
 */

/** Protocols that are balanced. SCTP ports are read, and listed as not served. */
export type BalancedProtocol = 'TCP' | 'UDP';

/** Protocols that a Service or an EndpointSlice may name. */
export type ServiceProtocol = BalancedProtocol | 'SCTP';

/** Names an object in its namespace. */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Something that a Service asks for and that this version doesn't do. What isn't listed is done. */
export interface NotServed {
  /** Where it is asked for, such as `spec.ports[0].nodePort`. */
  readonly path: string;
  /** What doesn't happen, as half a sentence. */
  readonly what: string;
}

/** One port of a Service. */
export interface ServicePort {
  /** '' where the Service's only port has no name. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  /** 1–65535. */
  readonly port: number;
  /** Number, or name of a container port, which each pod may give another number. */
  readonly targetPort: number | string;
}

export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';

/** One Service (v1). */
export interface Service extends ObjectName {
  readonly type: ServiceType;
  /** metadata.creationTimestamp, RFC 3339 in UTC; null: none was written. */
  readonly created: string | null;
  /** No address of its own: DNS answers with its endpoints. */
  readonly headless: boolean;
  /** Its ClusterIPs in canonical text, at most one of each family, in the order written. Empty: headless, ExternalName, or not given one yet. */
  readonly clusterIps: readonly string[];
  /** Families that it asks endpoints of, at most one of each. */
  readonly families: readonly Family[];
  /** `ipFamilyPolicy: RequireDualStack`: rather no address than one of one family. */
  readonly requiresDualStack: boolean;
  readonly ports: readonly ServicePort[];
  /** Labels of its pods; null: its endpoints are somebody else's business. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly publishNotReadyAddresses: boolean;
  /** Session affinity by client address, in seconds (1–86400); null: none. */
  readonly affinitySeconds: number | null;
  /** Sorted by path. */
  readonly notServed: readonly NotServed[];
}

/**
 * What an endpoint is good for. `ready`: new flows. `terminating`: goes away and still serves, takes new flows only where no endpoint is ready. `unready`: takes no new flow,
 * keeps those that it has.
 */
export type EndpointState = 'ready' | 'terminating' | 'unready';

/** One endpoint of a slice. */
export interface SliceEndpoint {
  /** In canonical text, of the slice's family. */
  readonly address: string;
  readonly state: EndpointState;
  /** Node that it is on; null: not known. */
  readonly node: string | null;
}

/** One port of a slice: all its endpoints listen there. */
export interface SlicePort {
  /** Equals the Service port's name. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  /** 1–65535. */
  readonly port: number;
}

/** One EndpointSlice (discovery.k8s.io/v1). */
export interface EndpointSlice extends ObjectName {
  /** Service whose endpoints they are, of the slice's namespace; null: no Service's (label `kubernetes.io/service-name` missing). */
  readonly service: string | null;
  /** Null: addresses are names (FQDN), which nobody balances. */
  readonly family: Family | null;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}
