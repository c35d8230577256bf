import type { ProcessId } from '../machine/process.ts';
import type { LabNode, LabPod, LabService } from './objects.ts';

/** What a lab consists of, as its state file keeps it. Names of namespaces, cgroups and sockets follow from the objects' names. */
export interface LabState {
  readonly version: 2;
  /** False until `up` has come to its end: what there is of an interrupted lab can only be taken down. */
  complete: boolean;
  network: LabNetwork;
  /** Of each service of the control plane. */
  replicas: number;
  /** The control plane's processes, by name. */
  processes: Record<string, ProcessId>;
  nodes: NodeState[];
  /** Labels by namespace. */
  namespaces: Record<string, Readonly<Record<string, string>>>;
  pods: PodState[];
  /** With the ClusterIPs that they were given. */
  services: LabService[];
  /** Slices of the Services that select pods, as the controller was told last: documents (JSON) by `namespace/name`. */
  slices: Readonly<Record<string, string>>;
  /** `namespace/name` of slices that somebody wrote. */
  writtenSlices: readonly string[];
  faults: NetworkFaults;
}

/** How nodes reach each other: options of every agent. */
export interface LabNetwork {
  readonly routing: 'overlay' | 'native';
  readonly underlay: 'ipv4' | 'ipv6';
}

/** How many replicas of each service there are unless somebody says otherwise: one may always be dead. */
export const defaultReplicas = 2;

export const defaultNetwork: LabNetwork = { routing: 'overlay', underlay: 'ipv4' };

/** What a lab is started with, beside its manifests. */
export interface LabOptions extends LabNetwork {
  readonly replicas: number;
}

export const defaultOptions: LabOptions = { ...defaultNetwork, replicas: defaultReplicas };

/** A node as it was set up. */
export interface NodeState {
  readonly name: string;
  readonly uid: string;
  /** Number that its chosen addresses end in. */
  readonly index: number;
  /** On the fabric; IPv4 first. */
  readonly addresses: readonly string[];
  readonly controlAddress: string;
  /** What the manifest asked for; empty: ipam chooses. */
  readonly requestedCidrs: readonly string[];
  /** What the agent has. */
  podCidrs: readonly string[];
  agent: ProcessId | null;
  readonly manifest: LabNode;
}

/** A pod as it was set up. */
export interface PodState {
  readonly uid: string;
  readonly node: string;
  manifest: LabPod;
  addresses: readonly string[];
  identity: number;
  /** Null: it is fine; else why it isn't there. */
  failure: string | null;
}

/** What is wrong with the fabric on purpose. Ends are `node:<name>`, `control` (the control plane) and `outside`. */
export interface NetworkFaults {
  /** Pairs that can't reach each other, each once. */
  readonly partitions: readonly (readonly [string, string])[];
  /** Thousandths of the packets that get lost at an end's link, each way. */
  readonly loss: Readonly<Record<string, number>>;
  /** Milliseconds that packets to an end take longer. */
  readonly delay: Readonly<Record<string, number>>;
}

export const noFaults: NetworkFaults = Object.freeze({ partitions: [], loss: {}, delay: {} });

/** A lab with nothing in it yet. */
export const emptyState = (): LabState => ({
  version: 2,
  complete: false,
  network: defaultNetwork,
  replicas: defaultReplicas,
  processes: {},
  nodes: [],
  namespaces: {},
  pods: [],
  services: [],
  slices: {},
  writtenSlices: [],
  faults: noFaults,
});
