import { ServiceObject } from '@myelin/contracts/loadbalancing';
import type { EndpointSlice, Service } from '@myelin/loadbalancing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeService, decodeSlice, encodeService, encodeSlice } from './index.ts';

const word = fc.constantFrom('web', 'db', 'dns', 'a');
const protocol = fc.constantFrom('TCP', 'UDP', 'SCTP' as const);
const port = fc.integer({ min: 1, max: 65535 });
const addresses = ['10.96.0.1', '10.96.0.2', 'fd00:96::1', '2001:db8::1'];
const families = fc.constantFrom<readonly (4 | 6)[]>([4], [6], [4, 6], [6, 4]);

const service: fc.Arbitrary<Service> = fc.record({
  namespace: word,
  name: word,
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName' as const),
  created: fc.constantFrom(null, '2026-01-01T00:00:00Z'),
  headless: fc.boolean(),
  clusterIps: fc.subarray(addresses),
  families,
  requiresDualStack: fc.boolean(),
  ports: fc.array(fc.record({ name: fc.constantFrom('', 'http'), protocol, port, targetPort: fc.oneof(port, word) })),
  selector: fc.option(fc.dictionary(word, fc.constantFrom('', 'b'), { noNullPrototype: true })),
  publishNotReadyAddresses: fc.boolean(),
  affinitySeconds: fc.option(fc.integer({ min: 1, max: 86_400 })),
  notServed: fc.array(fc.record({ path: word, what: word })),
});

const slice: fc.Arbitrary<EndpointSlice> = fc.constantFrom(4, 6, null).chain((family) =>
  fc.record({
    namespace: word,
    name: word,
    service: fc.option(word),
    family: fc.constant(family as 4 | 6 | null),
    ports: fc.array(fc.record({ name: fc.constantFrom('', 'http'), protocol, port })),
    endpoints: fc.array(
      fc.record({
        address: fc.constantFrom(
          ...addresses.filter((address) => family !== null && address.includes(':') === (family === 6)),
          ...(family === null ? ['10.96.0.1'] : []),
        ),
        state: fc.constantFrom('ready', 'terminating', 'unready' as const),
        node: fc.option(word),
      }),
    ),
  }),
);

/** As Redis keeps rows, and as NATS carries them. */
function ways(object: ServiceObject): readonly ServiceObject[] {
  return [ServiceObject.fromPartial(JSON.parse(JSON.stringify(object))), ServiceObject.decode(ServiceObject.encode(object).finish())];
}

it('what is encoded comes back as it was, through JSON and through bytes', () => {
  fc.assert(
    fc.property(service, slice, (oneService, oneSlice) => {
      for (const { object } of ways({ object: { $case: 'service', value: encodeService(oneService) } }))
        expect(object?.$case === 'service' && decodeService(object.value)).toEqual(oneService);
      for (const { object } of ways({ object: { $case: 'endpointSlice', value: encodeSlice(oneSlice) } }))
        expect(object?.$case === 'endpointSlice' && decodeSlice(object.value)).toEqual(oneSlice);
    }),
  );
});

it('C7: the same selector in another order is the same bytes', () => {
  fc.assert(
    fc.property(service, (one) => {
      const selector = one.selector === null ? null : Object.fromEntries(Object.entries(one.selector).reverse());
      expect(JSON.stringify(encodeService({ ...one, selector }))).toBe(JSON.stringify(encodeService(one)));
    }),
  );
});
