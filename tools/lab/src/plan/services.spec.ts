import { prefix } from '@myelin/address';
import { parseEndpointSlice } from '@myelin/loadbalancing';
import { parseManifests } from '@myelin/manifest';
import { describe, expect, it } from 'vitest';
import type { LabService } from './objects.ts';
import { container, pod, running } from './pod.fixture.ts';
import { readObjects } from './read-objects.ts';
import { endpointSlices, sliceChanges, withClusterIps } from './services.ts';

const ranges = { ipv4: prefix('10.96.0.0/16'), ipv6: prefix('fd00:96::/112') };
const service = (spec: object, name = 'web'): LabService =>
  readObjects([
    {
      file: 'app.yaml',
      text: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'shop' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
      }),
    },
  ]).objects.services[0]!;
const addressesOf = ({ services }: ReturnType<typeof withClusterIps>) => services[0]!.service.clusterIps;
const server = (name: string, addresses: readonly string[]) =>
  running(pod({ name, labels: { app: 'web' }, containers: [container({ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] })] }), {
    addresses,
  });

/** What the controller makes of the documents. */
const read = (documents: Iterable<string>) =>
  [...documents].map((text) => {
    const parsed = parseEndpointSlice(parseManifests([{ file: 'slice.json', text }]).manifests[0]!);
    if (!parsed.ok) throw new Error(parsed.errors[0]!.message);
    return parsed.value;
  });

describe('withClusterIps', () => {
  it('gives addresses, writes them into the manifest, and keeps them when the Service is applied again', () => {
    const first = withClusterIps([service({ ipFamilyPolicy: 'PreferDualStack' })], [], ranges);
    const [ipv4, ipv6] = addressesOf(first);
    expect(ipv4).toMatch(/^10\.96\./);
    expect(ipv6).toMatch(/^fd00:96::/);
    expect(JSON.parse(first.services[0]!.document).spec).toMatchObject({
      clusterIP: ipv4,
      clusterIPs: [ipv4, ipv6],
      selector: { app: 'web' },
    });
    // Somebody else has meanwhile the address that a fresh choice would come to.
    const others = [...first.services, service({ clusterIP: '10.96.7.7' }, 'other')];
    expect(
      addressesOf(withClusterIps([service({ ipFamilyPolicy: 'PreferDualStack', sessionAffinity: 'ClientIP' })], others, ranges)),
    ).toEqual([ipv4, ipv6]);
  });

  it('takes the addresses that a Service names, and gives nobody one that is taken', () => {
    const [chosen] = addressesOf(withClusterIps([service({})], [], ranges));
    const holder = service({ clusterIP: chosen }, 'holder');
    expect(addressesOf(withClusterIps([holder], [], ranges))).toEqual([chosen]);
    expect(addressesOf(withClusterIps([service({})], [holder], ranges))).not.toEqual([chosen]);
  });

  it('gives anew where other families are asked for, nothing to headless Services, and says who gets none', () => {
    const before = withClusterIps([service({})], [], ranges).services;
    expect(addressesOf(withClusterIps([service({ ipFamilies: ['IPv6'] })], before, ranges))).toEqual([expect.stringMatching(/^fd00:96::/)]);
    const headless = service({ clusterIP: 'None' });
    expect(withClusterIps([headless], before, ranges).services).toEqual([headless]);
    const full = { ...ranges, ipv4: prefix('10.96.0.0/29') };
    expect(withClusterIps([service({})], [], full).without).toEqual(['Service shop/web gets no ClusterIP: no address of IPv4 is left']);
  });
});

describe('endpointSlices', () => {
  it('are manifests that say what became of the pods: ready, terminating, failed', () => {
    const pods = [
      server('a', ['10.244.0.1', 'fd00::1']),
      server('b', ['10.244.0.2']),
      { ...server('c', ['10.244.0.3']), failure: 'no room' },
    ];
    const slices = read(endpointSlices([service({})], pods, new Set(['uid-of-b'])).values());
    expect(slices).toEqual([
      {
        namespace: 'shop',
        name: expect.stringMatching(/^web-ipv4-/),
        service: 'web',
        family: 4,
        ports: [{ name: '', protocol: 'TCP', port: 8080 }],
        endpoints: [
          { address: '10.244.0.1', state: 'ready', node: 'a' },
          { address: '10.244.0.2', state: 'terminating', node: 'a' },
        ],
      },
    ]);
  });

  it('tell only what has changed', () => {
    const of = (...pods: string[]) =>
      endpointSlices(
        [service({}), service({ selector: { app: 'none' } }, 'nobody')],
        pods.map((name, index) => server(name, [`10.244.0.${index}`])),
        new Set(),
      );
    const told = Object.fromEntries(of('a'));
    expect(sliceChanges(told, of('a'))).toEqual({ changed: [], gone: [] });
    expect(sliceChanges(told, of('a', 'b')).changed).toEqual(Object.keys(told));
    expect(sliceChanges(told, of())).toEqual({ changed: [], gone: Object.keys(told) });
  });
});
