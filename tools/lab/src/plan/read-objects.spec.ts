import { formatManifestError } from '@myelin/manifest';
import { describe, expect, it } from 'vitest';
import { checkWhole } from './check-whole.ts';
import { pod, running, state } from './pod.fixture.ts';
import { readObjects } from './read-objects.ts';
import type { LabState } from './state.ts';

const yaml = (...documents: string[]) => [{ file: 'app.yaml', text: documents.join('\n---\n') }];
const errors = (...documents: string[]) => readObjects(yaml(...documents)).errors.map(formatManifestError);
const podYaml = (metadata: string, spec = 'containers: [{name: c}]') =>
  `{apiVersion: v1, kind: Pod, metadata: ${metadata}, spec: {${spec}}}`;

describe('readObjects', () => {
  it('reads a pod with its defaults', () => {
    const { objects } = readObjects(yaml(podYaml('{name: web}', 'containers: [{name: c, ports: [{containerPort: 80, name: http}]}]')));
    expect(objects.pods).toEqual([
      {
        namespace: 'default',
        name: 'web',
        uid: null,
        labels: {},
        serviceAccount: 'default',
        nodeName: null,
        hostNetwork: false,
        addresses: [],
        containers: [{ name: 'c', command: null, environment: {}, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
      },
    ]);
  });
  it('puts args behind the command and fills in variables; args alone are no command', () => {
    const spec = "containers: [{name: a, command: [echo], args: ['$(X)', '$(Y)'], env: [{name: X, value: '1'}]}, {name: b, args: [x]}]";
    expect(readObjects(yaml(podYaml('{name: web}', spec))).objects.pods[0]!.containers.map(({ command }) => command)).toEqual([
      ['echo', '1', '$(Y)'],
      null,
    ]);
  });
  it('takes InternalIPs and pod ranges of a node, and no other addresses', () => {
    const text =
      '{apiVersion: v1, kind: Node, metadata: {name: first}, spec: {podCIDR: 10.1.0.0/24}, status: {addresses: [{type: Hostname, address: first}, {type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 1.2.3.4}]}}';
    expect(readObjects(yaml(text)).objects.nodes).toEqual([
      { name: 'first', uid: null, addresses: ['10.0.0.1'], podCidrs: ['10.1.0.0/24'] },
    ]);
  });
  it('passes kinds over that it has no use for, with a word', () => {
    const { notes, errors: none } = readObjects(yaml('{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}'));
    expect(none).toEqual([]);
    expect(notes).toEqual(["app.yaml: document 1: Deployment shop/web passed over: the lab doesn't use this kind yet"]);
  });
  it('reads Services and slices, keeps their documents, and tells what of a Service is not served', () => {
    const service =
      '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}';
    const slice = '{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: shop}, addressType: IPv4}';
    const { objects, notes } = readObjects(yaml(service, slice));
    expect(objects.services).toMatchObject([{ service: { namespace: 'shop', name: 'web', type: 'NodePort' } }]);
    expect(JSON.parse(objects.services[0]!.document).spec.ports).toEqual([{ port: 80, nodePort: 30080 }]);
    expect(objects.slices).toMatchObject([{ namespace: 'shop', name: 'web-1' }]);
    expect(notes).toEqual(['app.yaml: Service shop/web: spec.ports[0].nodePort: port 30080 of the nodes is not served']);
    expect(errors(service.replace('NodePort', 'NodPort'))[0]).toMatch(/spec.type.*did you mean "NodePort"/);
    expect(errors(service, service)[0]).toContain('Service shop/web stands in app.yaml, document 1, already');
  });
  it('takes an unknown kind for a slip and names the nearest', () => {
    expect(errors('{apiVersion: v1, kind: Namspace, metadata: {name: shop}}')[0]).toMatch(
      /document 1, kind: unknown kind "Namspace"; .*did you mean "Namespace"\?/,
    );
  });
  it('refuses policy kinds that are not supported yet', () => {
    expect(errors('{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p}}')[0]).toMatch(
      /not supported yet/,
    );
  });
  it('refuses a policy that can’t be enforced as written, by its path', () => {
    const text = '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, ingres: []}}';
    expect(errors(text)[0]).toMatch(/spec\.ingres: unknown field "ingres".*did you mean "ingress"\?/);
  });
  it('refuses an object that stands twice, and says where the first one is', () => {
    expect(errors(podYaml('{name: web}'), podYaml('{name: web, namespace: default}'))[0]).toMatch(
      /document 2, metadata\.name: Pod default\/web stands in app\.yaml, document 1, already/,
    );
  });
  it('reads the addresses that a pod asks for, and refuses what is none', () => {
    const asking = (text: string) => podYaml(`{name: web, annotations: {myelin.io/addresses: '${text}'}}`);
    expect(readObjects(yaml(asking('10.0.0.9, fd00::9'))).objects.pods[0]!.addresses).toEqual(['10.0.0.9', 'fd00::9']);
    expect(errors(asking('10.0.0'))[0]).toMatch(
      /metadata\.annotations\["myelin\.io\/addresses"\]: found "10\.0\.0"; expected IP addresses/,
    );
  });
  it('reads every document to its end, whatever the others hold', () => {
    expect(errors('kind: [', podYaml('{}'), podYaml('{name: web}', 'containers: []'))).toHaveLength(3);
  });
});

describe('checkWhole', () => {
  const whole = (lab: LabState, ...documents: string[]) => checkWhole(readObjects(yaml(...documents)), lab).map(formatManifestError);
  const node = (name: string, address: string) =>
    `{apiVersion: v1, kind: Node, metadata: {name: ${name}}, status: {addresses: [{type: InternalIP, address: ${address}}]}}`;

  it('refuses a pod on a node that doesn’t exist, and names the nearest', () => {
    expect(whole(state(), node('worker-1', '10.0.0.1'), podYaml('{name: web}', 'nodeName: worker1, containers: [{name: c}]'))[0]).toMatch(
      /document 2, spec\.nodeName: there is no node "worker1"; expected one of worker-1; did you mean "worker-1"\?/,
    );
  });
  it('doesn’t say of a node whose own manifest is wrong that it doesn’t exist', () => {
    expect(whole(state(), node('worker-1', 'x'), podYaml('{name: web}', 'nodeName: worker-1, containers: [{name: c}]'))).toEqual([]);
  });
  it('knows the default node where no file names one', () => {
    expect(whole(state(), podYaml('{name: web}', 'nodeName: node-1, containers: [{name: c}]'))).toEqual([]);
  });
  it('refuses two nodes with one address, at the second', () => {
    expect(whole(state(), node('a', '10.0.0.1'), node('b', '10.0.0.1'))[0]).toMatch(
      /document 2, status\.addresses: 10\.0\.0\.1 is an address of node a/,
    );
  });
  it('refuses to move a pod that runs', () => {
    const nodes = ['a', 'b'].map((name, index) => ({
      name,
      uid: name,
      index,
      addresses: [],
      controlAddress: '',
      requestedCidrs: [],
      podCidrs: [],
      agent: null,
      manifest: { name, uid: null, addresses: [], podCidrs: [] },
    }));
    const lab = state({ nodes, pods: [running(pod())] });
    const moved = podYaml('{name: web, namespace: shop}', 'nodeName: b, containers: [{name: main}]');
    expect(whole(lab, moved)[0]).toMatch(/spec\.nodeName: pod shop\/web is there with another value/);
  });
});
