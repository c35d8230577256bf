import { parseAddress } from '@myelin/address';
import { parseEndpointSlice, parseService, serviceKey } from '@myelin/loadbalancing';
import {
  checkShape,
  defaultNamespace,
  formatManifestError,
  type Manifest,
  type ManifestError,
  type ManifestFile,
  type NamespaceManifest,
  type NodeManifest,
  namespaceSchema,
  nodeSchema,
  type PodManifest,
  parseManifests,
  podSchema,
  unknownKind,
  workloadKinds,
} from '@myelin/manifest';
import { parsePolicy, policyKindOf, policyKinds } from '@myelin/policy-parse';
import { addressesAnnotation, type LabContainer, type LabNode, type LabObjects, type LabPod } from './objects.ts';

/** What some files hold. Act on nothing while there is an error. */
export interface ReadObjects {
  readonly objects: LabObjects;
  readonly errors: readonly ManifestError[];
  /** What was passed over, a line each. */
  readonly notes: readonly string[];
  /** Where each object stands, for errors that only the whole shows: by `<kind> <namespace>/<name>`. */
  readonly places: ReadonlyMap<string, Manifest>;
  /** Names of nodes whose manifests are wrong: others that name them are not. */
  readonly brokenNodes: readonly string[];
}

/** Collects while reading. */
class Reading {
  readonly nodes: LabNode[] = [];
  readonly namespaces: LabObjects['namespaces'][number][] = [];
  readonly pods: LabPod[] = [];
  readonly policies: LabObjects['policies'][number][] = [];
  readonly services: LabObjects['services'][number][] = [];
  readonly slices: LabObjects['slices'][number][] = [];
  readonly errors: ManifestError[] = [];
  readonly notes: string[] = [];
  readonly places = new Map<string, Manifest>();
  readonly brokenNodes: string[] = [];

  /** Remembers where an object stands; the second of one name is an error. */
  place(manifest: Manifest, namespace: string, name: string): boolean {
    const key = objectKey(manifest.kind, namespace, name);
    const first = this.places.get(key);
    if (first === undefined) this.places.set(key, manifest);
    else {
      const { file, document } = first;
      this.errors.push(
        manifest.errorAt({
          path: ['metadata', 'name'],
          message: `${key} stands in ${file}, document ${document}, already`,
          expected: 'each object once',
        }),
      );
    }
    return first === undefined;
  }
}

/** Key of `ReadObjects.places`; `namespace` '' for cluster-wide objects. */
export const objectKey = (kind: string, namespace: string, name: string): string =>
  `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;

/** Reads manifests into the objects that the lab acts on. Never throws; all that is wrong is reported at once. */
export function readObjects(files: readonly ManifestFile[]): ReadObjects {
  const { manifests, errors } = parseManifests(files);
  const reading = new Reading();
  reading.errors.push(...errors);
  for (const manifest of manifests) readManifest(manifest, reading);
  const { nodes, namespaces, pods, policies, services, slices, notes, places, brokenNodes } = reading;
  return { objects: { nodes, namespaces, pods, policies, services, slices }, errors: reading.errors, notes, places, brokenNodes };
}

function readManifest(manifest: Manifest, reading: Reading): void {
  const { kind } = manifest;
  if (kind === 'Node') readShaped(manifest, nodeSchema, reading, (node) => readNode(manifest, node, reading));
  else if (kind === 'Pod') readShaped(manifest, podSchema, reading, (pod) => readPod(manifest, pod, reading));
  else if (kind === 'Namespace') readShaped(manifest, namespaceSchema, reading, (namespace) => readNamespace(manifest, namespace, reading));
  else if (kind === 'Service') readService(manifest, reading);
  else if (kind === 'EndpointSlice') readSlice(manifest, reading);
  else if (policyKindOf(manifest) !== 'other') readPolicy(manifest, reading);
  else readOther(manifest, reading);
}

function readOther(manifest: Manifest, reading: Reading): void {
  const error = unknownKind(manifest, [...workloadKinds, 'Service', 'EndpointSlice', ...policyKinds]);
  if (error !== null) {
    reading.errors.push(error);
    return;
  }
  const what = `${manifest.kind} ${nameOf(manifest)}`.trim();
  reading.notes.push(`${manifest.file}: document ${manifest.document}: ${what} passed over: the lab doesn't use this kind yet`);
}

function readNamespace(manifest: Manifest, { metadata: { name, labels } }: NamespaceManifest, reading: Reading): void {
  if (reading.place(manifest, '', name)) reading.namespaces.push({ name, labels: labels ?? {} });
}

function readShaped<T extends Parameters<typeof checkShape>[1]>(
  manifest: Manifest,
  schema: T,
  reading: Reading,
  read: (value: Extract<ReturnType<typeof checkShape<T>>, { ok: true }>['value']) => void,
): void {
  const shaped = checkShape(manifest, schema);
  if (shaped.ok) {
    read(shaped.value);
    return;
  }
  reading.errors.push(...shaped.errors);
  if (manifest.kind === 'Node') reading.brokenNodes.push(nameOf(manifest));
}

function nameOf({ value }: Manifest): string {
  const { name, namespace } = (value.metadata ?? {}) as { name?: unknown; namespace?: unknown };
  return [namespace, name].filter((part) => typeof part === 'string').join('/');
}

function readNode(manifest: Manifest, { metadata, spec, status }: NodeManifest, reading: Reading): void {
  if (!reading.place(manifest, '', metadata.name)) return;
  const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
  const podCidrs = spec?.podCIDRs ?? (spec?.podCIDR == null ? [] : [spec.podCIDR]);
  reading.nodes.push({ name: metadata.name, uid: metadata.uid ?? null, addresses, podCidrs });
}

function readPod(manifest: Manifest, { metadata, spec }: PodManifest, reading: Reading): void {
  const namespace = metadata.namespace ?? defaultNamespace;
  if (!reading.place(manifest, namespace, metadata.name)) return;
  reading.pods.push({
    namespace,
    name: metadata.name,
    uid: metadata.uid ?? null,
    labels: metadata.labels ?? {},
    serviceAccount: spec.serviceAccountName ?? 'default',
    nodeName: spec.nodeName ?? null,
    hostNetwork: spec.hostNetwork ?? false,
    containers: spec.containers.map(readContainer),
    addresses: readAddresses(manifest, reading),
  });
}

function readContainer({ name, command, args, env, ports }: PodManifest['spec']['containers'][number]): LabContainer {
  const environment = Object.fromEntries((env ?? []).map((variable) => [variable.name, variable.value ?? '']));
  // Kubernetes fills $(NAME) in from the container's environment.
  const fill = (word: string) =>
    word.replaceAll(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, variable: string) => environment[variable] ?? whole);
  return {
    name,
    command: command == null || command.length === 0 ? null : [...command, ...(args ?? [])].map(fill),
    environment,
    ports: (ports ?? []).map((port) => ({ name: port.name ?? '', port: port.containerPort, protocol: port.protocol ?? 'TCP' })),
  };
}

function readAddresses(manifest: Manifest, reading: Reading): readonly string[] {
  const { annotations } = manifest.value.metadata as { annotations?: Record<string, unknown> };
  const text = annotations?.[addressesAnnotation];
  if (text === undefined) return [];
  const addresses = typeof text === 'string' ? text.split(',').map((address) => address.trim()) : [''];
  const wrong = addresses.find((address) => parseAddress(address) === null);
  if (wrong === undefined) return addresses;
  reading.errors.push(
    manifest.errorAt({
      path: ['metadata', 'annotations', addressesAnnotation],
      message: `found ${JSON.stringify(text)}`,
      expected: 'IP addresses, separated by commas',
    }),
  );
  return [];
}

/** What a Service asks for and doesn't get is told; the rest of it works. */
function readService(manifest: Manifest, reading: Reading): void {
  const parsed = parseService(manifest);
  if (!parsed.ok) {
    reading.errors.push(...parsed.errors);
    return;
  }
  const { value: service } = parsed;
  if (!reading.place(manifest, service.namespace, service.name)) return;
  reading.services.push({ service, document: JSON.stringify(manifest.value) });
  for (const { path, what } of service.notServed) reading.notes.push(`${manifest.file}: Service ${serviceKey(service)}: ${path}: ${what}`);
}

function readSlice(manifest: Manifest, reading: Reading): void {
  const parsed = parseEndpointSlice(manifest);
  if (!parsed.ok) {
    reading.errors.push(...parsed.errors);
    return;
  }
  const { namespace, name } = parsed.value;
  if (reading.place(manifest, namespace, name)) reading.slices.push({ namespace, name, document: JSON.stringify(manifest.value) });
}

function readPolicy(manifest: Manifest, reading: Reading): void {
  const parsed = parsePolicy(manifest);
  if (!parsed.ok) {
    reading.errors.push(...parsed.errors);
    return;
  }
  reading.notes.push(...parsed.warnings.map(formatManifestError));
  const { reference } = parsed.policy;
  if (reading.place(manifest, reference.namespace, reference.name))
    reading.policies.push({ reference, document: JSON.stringify(manifest.value) });
}
