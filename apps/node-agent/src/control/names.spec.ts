import { address } from '@myelin/address';
import { Service, ServiceObject } from '@myelin/contracts/loadbalancing';
import { expect, it } from 'vitest';
import { Names } from './names.ts';

const revision = { incarnation: 1n, counter: 1n };
const row = (name: string, ...clusterIps: string[]) => ({
  key: `Service/shop/${name}`,
  row: ServiceObject.fromPartial({ object: { $case: 'service', value: Service.fromPartial({ namespace: 'shop', name, clusterIps }) } }),
  revision,
});

it('names Services by their addresses, those of yesterday too, until somebody else has them', () => {
  const names = new Names('n1', 'default', { decider: () => null, prefixOf: () => null }, () => 0);
  const nameAt = (text: string) => names.service(address(text))?.name;
  names.applyServices({ changed: [row('web', '10.96.0.1', 'fd00::1'), row('db', '10.96.0.2')], removed: [] });
  expect(['10.96.0.1', 'fd00::1', '10.96.0.2', '10.96.0.3'].map(nameAt)).toEqual(['web', 'web', 'db', undefined]);
  names.applyServices({ changed: [row('web', '10.96.0.3')], removed: [{ key: 'Service/shop/db', revision }] });
  // Events are read a little later than they happen.
  expect(['10.96.0.1', '10.96.0.2', '10.96.0.3'].map(nameAt)).toEqual(['web', 'db', 'web']);
  names.applyServices({ changed: [row('new', '10.96.0.1')], removed: [{ key: 'EndpointSlice/shop/x', revision }] });
  expect(nameAt('10.96.0.1')).toBe('new');
});
