import { describe, expect, it } from 'vitest';
import type { Service } from './model.ts';
import { endpointsPerSlice, type PodState, slicesOfPods } from './slices-of-pods.ts';

const web: Service = {
  namespace: 'shop',
  name: 'web',
  type: 'ClusterIP',
  created: null,
  headless: false,
  clusterIps: ['10.96.0.1'],
  families: [4],
  requiresDualStack: false,
  ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }],
  selector: { app: 'web' },
  publishNotReadyAddresses: false,
  affinitySeconds: null,
  notServed: [],
};

const pod = (name: string, address: string, rest: Partial<PodState> = {}): PodState => ({
  namespace: 'shop',
  name,
  labels: { app: 'web', tier: 'front' },
  addresses: [address],
  namedPorts: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  node: 'node-1',
  ready: true,
  terminating: false,
  finished: false,
  ...rest,
});

const endpoints = (service: Service, pods: readonly PodState[]) =>
  slicesOfPods([service], pods).flatMap(({ ports, endpoints }) =>
    endpoints.map(({ address, state }) => `${address} ${ports.map(({ name, port }) => `${name}=${port}`).join(',')} ${state}`),
  );

describe('slicesOfPods', () => {
  it('lists the pods that are selected, in order, with their states', () => {
    const pods = [
      pod('c', '10.244.0.3', { ready: false }),
      pod('a', '10.244.0.1'),
      pod('b', '10.244.0.2', { terminating: true }),
      pod('d', '10.244.0.4', { terminating: true, ready: false }),
      pod('other', '10.244.0.5', { labels: { app: 'db' } }),
      pod('elsewhere', '10.244.0.6', { namespace: 'office' }),
      pod('done', '10.244.0.7', { finished: true }),
      pod('new', '', { addresses: [] }),
    ];
    expect(slicesOfPods([web], pods)).toEqual([
      {
        namespace: 'shop',
        name: expect.stringMatching(/^web-ipv4-[0-9a-f]{8}-0$/),
        service: 'web',
        family: 4,
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [
          { address: '10.244.0.1', state: 'ready', node: 'node-1' },
          { address: '10.244.0.2', state: 'terminating', node: 'node-1' },
          { address: '10.244.0.3', state: 'unready', node: 'node-1' },
          { address: '10.244.0.4', state: 'unready', node: 'node-1' },
        ],
      },
    ]);
    expect(slicesOfPods([web], pods.toReversed())).toEqual(slicesOfPods([web], pods));
  });

  it('calls every pod ready where the Service publishes addresses that aren’t', () => {
    const pods = [pod('a', '10.244.0.1', { ready: false }), pod('b', '10.244.0.2', { terminating: true })];
    expect(endpoints({ ...web, publishNotReadyAddresses: true }, pods)).toEqual([
      '10.244.0.1 http=8080 ready',
      '10.244.0.2 http=8080 ready',
    ]);
  });

  it('puts pods that give a port another number into another slice, and leaves out a name that a pod hasn’t', () => {
    const pods = [
      pod('a', '10.244.0.1'),
      pod('b', '10.244.0.2', { namedPorts: [{ name: 'http', protocol: 'TCP', port: 9090 }] }),
      pod('c', '10.244.0.3', { namedPorts: [{ name: 'http', protocol: 'UDP', port: 8080 }] }),
    ];
    expect(slicesOfPods([web], pods)).toHaveLength(3);
    expect(endpoints(web, pods).toSorted()).toEqual(['10.244.0.1 http=8080 ready', '10.244.0.2 http=9090 ready', '10.244.0.3  ready']);
  });

  it('makes slices of the families that the Service has', () => {
    const dual = pod('a', '', { addresses: ['10.244.0.1', 'fd00:244::1'] });
    const families = (service: Service) => slicesOfPods([service], [dual]).map(({ family }) => family);
    expect(families(web)).toEqual([4]);
    expect(families({ ...web, families: [6] })).toEqual([6]);
    expect(families({ ...web, families: [6, 4] })).toEqual([4, 6]);
  });

  it('leaves Services without selector to others, and compares own labels only', () => {
    expect(slicesOfPods([{ ...web, selector: null }], [pod('a', '10.244.0.1')])).toEqual([]);
    expect(slicesOfPods([{ ...web, selector: { constructor: 'x' } }], [pod('a', '10.244.0.1')])).toEqual([]);
    expect(slicesOfPods([{ ...web, selector: { app: 'web', tier: 'back' } }], [pod('a', '10.244.0.1')])).toEqual([]);
  });

  it('fills slices up to their limit', () => {
    const pods = Array.from({ length: 250 }, (_, index) => pod(`pod-${index}`, `10.244.1.${index}`));
    expect(slicesOfPods([web], pods).map((slice) => slice.endpoints.length)).toEqual([endpointsPerSlice, endpointsPerSlice, 50]);
  });
});
