/** A pod: the only thing that policy applies to. */
export interface OracleEndpoint {
  namespace: string;
  name: string;
  /** The pod's own labels. */
  labels: Record<string, string>;
  /** Labels of its namespace; `kubernetes.io/metadata.name` holds without being written. */
  namespaceLabels: Record<string, string>;
  /** '' is Kubernetes' own default, `default`. */
  serviceAccount: string;
  namedPorts: { name: string; port: number; protocol: 'TCP' | 'UDP' | 'SCTP' }[];
  addresses: string[];
  /** Name of the node it runs on. */
  node: string;
}

/** Everything that policy can see. */
export interface OracleWorld {
  endpoints: OracleEndpoint[];
  nodes: { name: string; addresses: string[] }[];
  /** Raw manifest objects, as YAML gives them, already known to be valid. */
  policies: unknown[];
}

/** One end of a flow: an endpoint ("namespace/name"), a node, or an address outside the cluster. */
export type OracleEnd = { endpoint: string; address: string } | { node: string; address: string } | { address: string };

/** The first packet of a connection. `port` is the destination port; 0 for ICMP. */
export interface OracleFlow {
  source: OracleEnd;
  destination: OracleEnd;
  protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPv6';
  port: number;
}

/** The other end of a flow, as the endpoint whose policy is asked sees it. */
export type Peer =
  | { kind: 'endpoint'; endpoint: OracleEndpoint; address: string }
  /** `local`: the node where the endpoint that is asked runs. */
  | { kind: 'node'; local: boolean; address: string }
  | { kind: 'outside'; address: string };

/** One direction of one flow, asked at one endpoint. */
export interface Question {
  subject: OracleEndpoint;
  direction: 'ingress' | 'egress';
  peer: Peer;
  protocol: OracleFlow['protocol'];
  port: number;
}

/** What one policy says to a question. */
export interface Answer {
  /** It selects the subject and puts this direction into default deny. */
  isolates: boolean;
  /** It selects the subject and one of its rules allows the flow. */
  allows: boolean;
  /** It selects the subject and one of its deny rules matches the flow. */
  denies: boolean;
}

/** The endpoint that a flow's port belongs to: the subject on ingress, the peer on egress; null where that is no endpoint. */
export function destinationEndpoint(question: Question): OracleEndpoint | null {
  if (question.direction === 'ingress') return question.subject;
  return question.peer.kind === 'endpoint' ? question.peer.endpoint : null;
}
