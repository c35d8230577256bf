import type { PolicyReference } from '@myelin/contracts/policy';
import type { Service } from '@myelin/loadbalancing';

/** Kubernetes objects as the lab acts on them: plain data, kept in the lab's state. */

/** A node. `addresses` and `podCidrs` are those that its manifest asks for; a family that it doesn't name is chosen. */
export interface LabNode {
  readonly name: string;
  readonly uid: string | null;
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
}

/** A namespace and its labels, without the one that Kubernetes adds. */
export interface LabNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A port of a container. */
export interface LabPort {
  /** '' without a name. */
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** A container. `command` null: the test server on its ports. */
export interface LabContainer {
  readonly name: string;
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly LabPort[];
}

/** A pod as its manifest has it. */
export interface LabPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Null: the lab chooses. */
  readonly nodeName: string | null;
  readonly hostNetwork: boolean;
  readonly containers: readonly LabContainer[];
  /** From the annotation `myelin.io/addresses`; empty: the agent chooses. */
  readonly addresses: readonly string[];
}

/** A policy document, for the policy compiler. */
export interface LabPolicy {
  readonly reference: PolicyReference;
  /** JSON. */
  readonly document: string;
}

/** A Service, and its document (JSON) for the load-balancing controller. */
export interface LabService {
  readonly service: Service;
  readonly document: string;
}

/** An EndpointSlice that somebody wrote. */
export interface LabSlice {
  readonly namespace: string;
  readonly name: string;
  /** JSON. */
  readonly document: string;
}

/** What some files ask for. */
export interface LabObjects {
  readonly nodes: readonly LabNode[];
  readonly namespaces: readonly LabNamespace[];
  readonly pods: readonly LabPod[];
  readonly policies: readonly LabPolicy[];
  readonly services: readonly LabService[];
  readonly slices: readonly LabSlice[];
}

/** `namespace/name`: names a pod, or another object of a namespace. */
export const podKey = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${namespace}/${name}`;

/** Annotation with which a pod asks for its addresses, separated by commas. */
export const addressesAnnotation = 'myelin.io/addresses';
