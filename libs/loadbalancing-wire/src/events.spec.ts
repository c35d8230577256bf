import { EndpointSlice, Service, ServiceObject } from '@myelin/contracts/loadbalancing';
import { describe, expect, it } from 'vitest';
import { eventsOf } from './events.ts';

const service = (fields: Partial<Service> = {}): ServiceObject => ({
  object: { $case: 'service', value: Service.fromPartial({ namespace: 'shop', name: 'web', type: 'ClusterIP', ...fields }) },
});
const slice = (fields: Partial<EndpointSlice>): ServiceObject => ({
  object: {
    $case: 'endpointSlice',
    value: EndpointSlice.fromPartial({ namespace: 'shop', name: 'web-1', service: 'web', family: 4, ...fields }),
  },
});
const problemOf = (row: ServiceObject, key = 'Service/shop/web') => eventsOf([{ key, row }], []).problems.get(key);

describe('eventsOf', () => {
  it('takes rows in and out by their keys', () => {
    const { events, problems } = eventsOf([{ key: 'Service/shop/web', row: service() }], ['EndpointSlice/shop/web-1', 'Gateway/shop/x']);
    expect(events).toEqual([
      { kind: 'slice-delete', slice: { namespace: 'shop', name: 'web-1' } },
      { kind: 'service-put', service: expect.objectContaining({ namespace: 'shop', name: 'web', affinitySeconds: null, selector: null }) },
    ]);
    expect([...problems.values()]).toEqual([null, null, null]);
  });

  it('takes what can not be read for gone, and says why', () => {
    const { events, problems } = eventsOf([{ key: 'Service/shop/web', row: service({ type: 'Gateway' }) }], []);
    expect(events).toEqual([{ kind: 'service-delete', service: { namespace: 'shop', name: 'web' } }]);
    expect(problems.get('Service/shop/web')).toBe('type "Gateway" is unknown');
  });

  it('refuses words, numbers and addresses that mean nothing', () => {
    expect(problemOf(ServiceObject.fromPartial({}))).toBe('neither a Service nor an EndpointSlice');
    expect(problemOf(service({ name: '' }))).toBe('there is no name');
    expect(problemOf(service({ families: [5] }))).toBe('family 5 is unknown');
    expect(problemOf(service({ clusterIps: ['10.96.0.01'] }))).toBe('address "10.96.0.01" is none');
    const port = { name: '', protocol: 'TCP', port: 80, targetPort: undefined };
    expect(problemOf(service({ ports: [port] }))).toBe('port 80 has no target');
    const target = { $case: 'targetNumber', value: 80 } as const;
    expect(problemOf(service({ ports: [{ ...port, protocol: 'DCCP', targetPort: target }] }))).toBe('protocol "DCCP" is unknown');
    expect(problemOf(service({ ports: [{ ...port, port: 0, targetPort: target }] }))).toBe('port 0 is none');
    const endpoint = { address: '10.244.0.1', state: 'ready', node: '' };
    expect(problemOf(slice({ endpoints: [endpoint] }))).toBeNull();
    expect(problemOf(slice({ family: 6, endpoints: [endpoint] }))).toBe('address "10.244.0.1" is none');
    expect(problemOf(slice({ endpoints: [{ ...endpoint, state: 'asleep' }] }))).toBe('state "asleep" is unknown');
  });
});
