import { formatManifestError, parseManifests } from '@myelin/manifest';
import { describe, expect, it } from 'vitest';
import type { Service } from './model.ts';
import { parseService } from './read.ts';

const read = (text: string) => {
  const { manifests, errors } = parseManifests([{ file: 'service.yaml', text }]);
  expect(errors).toEqual([]);
  return parseService(manifests[0]!);
};

const service = (spec: string, metadata = 'name: web'): Service => {
  const result = read(`{apiVersion: v1, kind: Service, metadata: {${metadata}}, spec: {${spec}}}`);
  if (!result.ok) throw new Error(result.errors.map(formatManifestError).join('\n'));
  return result.value;
};

const errors = (spec: string): readonly string[] => {
  const result = read(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {${spec}}}`);
  return result.ok
    ? []
    : result.errors.map(
        ({ path, message, expected, nearest }) => `${path}: ${message}; expected ${expected}${nearest ? ` (${nearest}?)` : ''}`,
      );
};

// As `kubectl get service -o yaml` prints one.
const fromCluster = `
apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"apiVersion":"v1"}'
  creationTimestamp: "2026-02-02T01:21:10Z"
  labels: {app: web}
  name: web
  namespace: shop
  resourceVersion: "663"
  uid: be7e85d4-6d27-400b-aff2-bd7284837fc9
  managedFields: [{manager: kubectl, operation: Update}]
spec:
  clusterIP: 10.96.116.33
  clusterIPs: [10.96.116.33, 'FD00:0096::74:21']
  internalTrafficPolicy: Cluster
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: PreferDualStack
  ports:
  - {name: http, port: 80, protocol: TCP, targetPort: http-alt, appProtocol: kubernetes.io/h2c}
  - {name: dns, port: 53, protocol: UDP, targetPort: 0}
  selector: {app: web}
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}
  type: ClusterIP
status: {loadBalancer: {}}
`;

describe('parseService', () => {
  it('reads a Service as a cluster prints it, whole', () => {
    const result = read(fromCluster);
    expect(result).toEqual({
      ok: true,
      value: {
        namespace: 'shop',
        name: 'web',
        type: 'ClusterIP',
        created: '2026-02-02T01:21:10Z',
        headless: false,
        clusterIps: ['10.96.116.33', 'fd00:96::74:21'],
        families: [4, 6],
        requiresDualStack: false,
        ports: [
          { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http-alt' },
          { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
        ],
        selector: { app: 'web' },
        publishNotReadyAddresses: false,
        affinitySeconds: 600,
        notServed: [],
      },
    });
  });

  it('fills in what Kubernetes takes for granted', () => {
    expect(service('ports: [{port: 80}]')).toEqual({
      namespace: 'default',
      name: 'web',
      type: 'ClusterIP',
      created: null,
      headless: false,
      clusterIps: [],
      families: [4],
      requiresDualStack: false,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80 }],
      selector: null,
      publishNotReadyAddresses: false,
      affinitySeconds: null,
      notServed: [],
    });
    expect(service('sessionAffinity: ClientIP, ports: [{port: 80}]').affinitySeconds).toBe(10800);
  });

  it('takes families from the addresses, then from where they are written, then from the policy', () => {
    const families = (spec: string) => service(`${spec}, ports: [{port: 80}]`).families;
    expect(families('ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack, clusterIP: "fd00::1"')).toEqual([6]);
    expect(families('ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack')).toEqual([6, 4]);
    expect(families('ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack, clusterIP: None')).toEqual([6]);
    expect(families('ipFamilies: [IPv6]')).toEqual([6]);
    expect(families('clusterIP: "fd00::1"')).toEqual([6]);
    expect(families('clusterIPs: ["fd00::1", 10.96.0.1]')).toEqual([6, 4]);
    expect(families('ipFamilyPolicy: RequireDualStack')).toEqual([4, 6]);
    expect(families('ipFamilyPolicy: SingleStack')).toEqual([4]);
  });

  it('leaves headless Services without address and, if they like, without ports', () => {
    expect(service('clusterIP: None')).toMatchObject({ headless: true, clusterIps: [], ports: [] });
    expect(service('clusterIPs: [None], ports: [{port: 80}]')).toMatchObject({ headless: true, clusterIps: [] });
  });

  it('accepts every type for its ClusterIP, and lists what isn’t served', () => {
    const loadBalancer = service(
      `type: LoadBalancer, clusterIP: 10.96.0.1, externalIPs: [192.0.2.1], loadBalancerSourceRanges: [192.0.2.0/24], externalTrafficPolicy: Local,
       healthCheckNodePort: 30900, internalTrafficPolicy: Local, trafficDistribution: PreferClose, ports: [{name: a, port: 80, nodePort: 30080}, {name: b, port: 90, protocol: SCTP}]`,
      'name: web, annotations: {service.kubernetes.io/topology-mode: Auto}',
    );
    expect(loadBalancer.clusterIps).toEqual(['10.96.0.1']);
    expect(loadBalancer.notServed.map(({ path }) => path)).toEqual([
      'metadata.annotations["service.kubernetes.io/topology-mode"]',
      'spec.externalIPs',
      'spec.externalTrafficPolicy',
      'spec.healthCheckNodePort',
      'spec.internalTrafficPolicy',
      'spec.loadBalancerSourceRanges',
      'spec.ports[0].nodePort',
      'spec.ports[1].protocol',
      'spec.trafficDistribution',
      'spec.type',
    ]);
    const external = service('type: ExternalName, externalName: db.example.com, clusterIP: 10.96.0.9');
    expect(external).toMatchObject({ clusterIps: [], selector: null, notServed: [{ path: 'spec.externalName' }] });
  });

  it('refuses what the API server refuses, all at once, and slips of the pen', () => {
    expect(errors('selctor: {app: web}, ports: [{port: 80}]')).toEqual([
      expect.stringMatching(/^spec\.selctor: unknown field .*\(selector\?\)$/),
    ]);
    expect(errors('clusterIP: 10.96.0.300, ports: [{port: 0}]')).toEqual([
      'spec.clusterIP: found string "10.96.0.300"; expected an IP address, "None" or ""',
      'spec.ports[0].port: found number 0; expected a port: a whole number, 1–65535',
    ]);
    expect(errors('clusterIP: 127.0.0.1, ports: [{port: 80}]')).toEqual([
      'spec.clusterIP: found a loopback address; expected an address that is nobody else’s',
    ]);
    expect(errors('clusterIPs: [10.96.0.1, 10.96.0.2], ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('clusterIP: 10.96.0.2, clusterIPs: [10.96.0.1], ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('clusterIP: 10.96.0.2, ipFamilies: [IPv6], ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('type: NodePort, clusterIP: None, ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('clusterIPs: [None, 10.96.0.1], ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('ipFamilies: [IPv4, IPv4], ports: [{port: 80}]')).toHaveLength(1);
    expect(errors('clusterIP: 10.96.0.2')).toEqual(['spec.ports: no ports; expected at least one port, or clusterIP: None']);
    expect(errors('ports: [{port: 80}, {port: 80, name: b}]')).toEqual([
      'spec.ports[0].name: missing; expected a name for each of several ports',
      'spec.ports[1].port: 80/TCP twice; expected each port once for each protocol',
    ]);
    expect(errors('ports: [{port: 80, name: a}, {port: 81, name: a}]')).toHaveLength(1);
    expect(errors('ports: [{port: 80, name: a}, {port: 80, name: b, protocol: UDP}]')).toEqual([]);
    expect(
      errors('sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, ports: [{port: 80}]'),
    ).toHaveLength(1);
    expect(errors('sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}, ports: [{port: 80}]')).toEqual([
      'spec.sessionAffinityConfig: configures no affinity; expected sessionAffinity: ClientIP beside it',
    ]);
  });

  it('knows the age of a Service only as Kubernetes writes it', () => {
    const age = (text: string) =>
      read(`{apiVersion: v1, kind: Service, metadata: {name: web, creationTimestamp: ${text}}, spec: {ports: [{port: 80}]}}`);
    expect(age('2026-11-30T09:00:00Z')).toMatchObject({ ok: true, value: { created: '2026-11-30T09:00:00Z' } });
    expect(age('null')).toMatchObject({ ok: true, value: { created: null } });
    expect(age('"2026-11-30T09:00:00+02:00"')).toMatchObject({ ok: false, errors: [{ path: 'metadata.creationTimestamp' }] });
  });
});
