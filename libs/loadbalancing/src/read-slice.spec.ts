import { parseManifests } from '@myelin/manifest';
import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from './read.ts';

const read = (text: string) => {
  const { manifests, errors } = parseManifests([{ file: 'slice.yaml', text }]);
  expect(errors).toEqual([]);
  return parseEndpointSlice(manifests[0]!);
};

const slice = (rest: string, labels = '{kubernetes.io/service-name: web}') =>
  read(`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: shop, labels: ${labels}}, ${rest}}`);

const states = (conditions: string) => {
  const result = slice(`addressType: IPv4, endpoints: [{addresses: [10.244.0.1], conditions: ${conditions}}], ports: [{port: 80}]`);
  return result.ok ? result.value.endpoints[0]?.state : result.errors;
};

describe('parseEndpointSlice', () => {
  it('reads a slice as a cluster prints it, whole', () => {
    const result =
      slice(`addressType: IPv6, endpoints: [{addresses: ['FD00::0001', 'fd00::2'], conditions: {ready: true, serving: true, terminating: false},
      hints: {forZones: [{name: zone-a}]}, nodeName: node-1, targetRef: {kind: Pod, name: web-0, namespace: shop, uid: x}, zone: zone-a, hostname: web-0}],
      ports: [{name: http, port: 8080, protocol: TCP, appProtocol: http}, {name: any}]`);
    expect(result).toEqual({
      ok: true,
      value: {
        namespace: 'shop',
        name: 'web-1',
        service: 'web',
        family: 6,
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [{ address: 'fd00::1', state: 'ready', node: 'node-1' }],
      },
    });
  });

  it('reads conditions as the API reference says, absent ones too', () => {
    expect(states('{}')).toBe('ready');
    expect(states('null')).toBe('ready');
    expect(states('{ready: true, terminating: true}')).toBe('ready'); // publishNotReadyAddresses
    expect(states('{ready: false}')).toBe('unready');
    expect(states('{ready: false, serving: true}')).toBe('unready');
    expect(states('{ready: false, terminating: true}')).toBe('unready');
    expect(states('{ready: false, serving: true, terminating: true}')).toBe('terminating');
    expect(states('{ready: false, serving: false, terminating: true}')).toBe('unready');
  });

  it('reads empty lists as Kubernetes prints them, slices of nobody, and slices of names', () => {
    expect(slice('addressType: IPv4, endpoints: null, ports: null', '{}')).toMatchObject({
      ok: true,
      value: { service: null, ports: [], endpoints: [] },
    });
    expect(slice('addressType: FQDN, endpoints: [{addresses: [db.example.com]}]')).toMatchObject({
      ok: true,
      value: { family: null, endpoints: [] },
    });
  });

  it('refuses addresses of the other family, and those that are somebody else on each machine', () => {
    const messages = (address: string) => {
      const result = slice(`addressType: IPv4, endpoints: [{addresses: ['${address}']}]`);
      return result.ok ? null : result.errors.map(({ path, message }) => `${path}: ${message}`);
    };
    expect(messages('fd00::1')).toEqual(['endpoints[0].addresses[0]: found string "fd00::1"']);
    for (const [address, special] of [
      ['127.0.0.1', 'loopback'],
      ['169.254.169.254', 'link-local'],
      ['224.0.0.1', 'multicast'],
      ['0.0.0.0', 'unspecified'],
      ['255.255.255.255', 'broadcast'],
    ])
      expect(messages(address!)).toEqual([`endpoints[0].addresses[0]: found a ${special} address`]);
    expect(messages('10.244.0.1')).toBeNull();
  });
});
