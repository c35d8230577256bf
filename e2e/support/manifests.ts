/** Manifests as values: the lab reads JSON as it reads YAML. */
export type Manifest = Readonly<Record<string, unknown>>;

/** A port: its number, or with a name or protocol. */
export type Port = number | { readonly containerPort: number; readonly name?: string; readonly protocol?: 'TCP' | 'UDP' };

/** A pod `namespace/name` that runs the test server on these ports. */
export function pod(
  name: string,
  options: { labels?: Record<string, string>; ports?: readonly Port[]; spec?: object; annotations?: Record<string, string> } = {},
): Manifest {
  const [namespace, own] = name.split('/');
  const ports = (options.ports ?? [80]).map((port) => (typeof port === 'number' ? { containerPort: port } : port));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: own,
      labels: { app: own, ...options.labels },
      ...(options.annotations ? { annotations: options.annotations } : {}),
    },
    spec: { containers: [{ name: 'main', ports }], ...options.spec },
  };
}

export const namespace = (name: string, labels: Record<string, string> = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

export const networkPolicy = (name: string, spec: object): Manifest => {
  const [space, own] = name.split('/');
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace: space, name: own }, spec };
};

export const ciliumPolicy = (name: string, spec: object): Manifest => {
  const [space, own] = name.split('/');
  return { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { namespace: space, name: own }, spec };
};

export const clusterwidePolicy = (name: string, spec: object): Manifest => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumClusterwideNetworkPolicy',
  metadata: { name },
  spec,
});

/** A node with these InternalIPs and pod ranges. */
export const node = (name: string, addresses: readonly string[] = [], podCIDRs: readonly string[] = []): Manifest => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDRs.length === 0 ? {} : { podCIDRs },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});

/** A port of a Service: its number and where it leads. */
export interface ServicePort {
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: 'TCP' | 'UDP';
  readonly name?: string;
}

/** A Service `namespace/name` for the pods with this `app` label (null: none), of both families. */
export function service(name: string, of: string | null, ports: readonly ServicePort[], spec: object = {}): Manifest {
  const [space, own] = name.split('/');
  const selector = of === null ? {} : { selector: { app: of } };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: space, name: own },
    spec: { ipFamilyPolicy: 'PreferDualStack', ports, ...selector, ...spec },
  };
}

/** Shorthand of `matchLabels: {app: …}`. */
export const app = (name: string) => ({ matchLabels: { app: name } });
