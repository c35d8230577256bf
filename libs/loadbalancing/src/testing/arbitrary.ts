import fc from 'fast-check';
import type { BalancerEvent } from '../balancer.ts';
import type { EndpointSlice, Service } from '../model.ts';

/* A small world on purpose: few names, addresses and ports, so that random Services meet, share and lose what they ask for. */

const protocol = fc.constantFrom('TCP', 'TCP', 'UDP', 'SCTP' as const);
const objectName = fc.record({ namespace: fc.constantFrom('shop', 'office'), name: fc.constantFrom('web', 'db', 'dns') });

const servicePorts = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('http', 'metrics', 'dns'),
    protocol,
    port: fc.constantFrom(80, 53),
    targetPort: fc.constantFrom<number | string>(8080, 'http'),
  }),
  { minLength: 1, maxLength: 3, comparator: (a, b) => a.name === b.name || (a.port === b.port && a.protocol === b.protocol) },
);

export const service: fc.Arbitrary<Service> = fc
  .record({
    id: objectName,
    created: fc.constantFrom(null, '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'),
    clusterIps: fc.constantFrom([], ['10.96.0.1'], ['10.96.0.2'], ['10.96.0.1', 'fd00:96::1'], ['fd00:96::1']),
    ports: servicePorts,
    affinitySeconds: fc.constantFrom(null, null, 600),
  })
  .map(({ id, clusterIps, ...rest }) => ({
    ...id,
    ...rest,
    clusterIps,
    type: 'ClusterIP' as const,
    headless: false,
    families: [4 as const],
    requiresDualStack: false,
    selector: { app: id.name },
    publishNotReadyAddresses: false,
    notServed: [],
  }));

const endpoint = (addresses: readonly string[]) =>
  fc.record({
    address: fc.constantFrom(...addresses),
    state: fc.constantFrom('ready' as const, 'ready' as const, 'terminating' as const, 'unready' as const),
    node: fc.constantFrom(null, 'node-1', 'node-2'),
  });

const sliceName = fc.record({
  namespace: fc.constantFrom('shop', 'office'),
  name: fc.constantFrom('slice-1', 'slice-2', 'slice-3', 'slice-4'),
});

export const slice: fc.Arbitrary<EndpointSlice> = fc
  .record({
    id: sliceName,
    service: fc.constantFrom(null, 'web', 'web', 'db', 'dns'),
    family: fc.constantFrom(4 as const, 4 as const, 6 as const, null),
    ports: fc.array(fc.record({ name: fc.constantFrom('http', 'metrics', 'dns'), protocol, port: fc.constantFrom(8080, 9090) }), {
      maxLength: 2,
    }),
  })
  .chain(({ id, family, ...rest }) =>
    fc
      .array(
        endpoint(family === 6 ? ['fd00:244::1', 'fd00:244::2', 'fd00:244::3'] : ['10.244.0.1', '10.244.0.2', '10.244.1.1', '10.244.1.2']),
        { maxLength: 5 },
      )
      .map((endpoints) => ({ ...id, ...rest, family, endpoints: family === null ? [] : endpoints })),
  );

export const event: fc.Arbitrary<BalancerEvent> = fc.oneof(
  { weight: 3, arbitrary: service.map((one) => ({ kind: 'service-put' as const, service: one })) },
  { weight: 1, arbitrary: objectName.map((one) => ({ kind: 'service-delete' as const, service: one })) },
  { weight: 4, arbitrary: slice.map((one) => ({ kind: 'slice-put' as const, slice: one })) },
  { weight: 1, arbitrary: sliceName.map((one) => ({ kind: 'slice-delete' as const, slice: one })) },
);
