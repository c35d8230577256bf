import { contains, parseAddress, prefix } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { giveClusterIps } from './cluster-ips.ts';
import type { Service } from './model.ts';

const both = { ipv4: prefix('10.96.0.0/16'), ipv6: prefix('fd00:96::/108') };

const service = (name: string, rest: Partial<Service> = {}): Service => ({
  namespace: 'shop',
  name,
  type: 'ClusterIP',
  created: null,
  headless: false,
  clusterIps: [],
  families: [4],
  requiresDualStack: false,
  ports: [],
  selector: null,
  publishNotReadyAddresses: false,
  affinitySeconds: null,
  notServed: [],
  ...rest,
});

const addresses = (services: readonly Service[], ranges: Parameters<typeof giveClusterIps>[1] = both) =>
  giveClusterIps(services, ranges).services.map(({ clusterIps }) => clusterIps);

describe('giveClusterIps', () => {
  it('gives an address of each family, out of its range, beyond the part that is for choosing by hand', () => {
    const [[four, six]] = addresses([service('web', { families: [4, 6] })]) as [[string, string]];
    expect(contains(both.ipv4, parseAddress(four)!) && contains(both.ipv6, parseAddress(six)!)).toBe(true);
    expect(contains(prefix('10.96.0.0/24'), parseAddress(four)!)).toBe(false);
  });

  it('leaves Services alone that have an address or need none, and gives nobody an address that one of them has', () => {
    const [[web]] = addresses([service('web')]) as [[string]];
    const others = [service('old', { clusterIps: [web] }), service('none', { headless: true }), service('name', { type: 'ExternalName' })];
    const given = addresses([...others, service('web')]);
    expect(given.slice(0, 3)).toEqual([[web], [], []]);
    expect(given[3]).toHaveLength(1);
    expect(given[3]).not.toEqual([web]);
  });

  it('gives the same address in whatever order, and all of a range, each once', () => {
    const range = { ipv4: prefix('10.96.0.0/26'), ipv6: null }; // 64 addresses: 16 for choosing by hand, 1 the last
    const services = Array.from({ length: 48 }, (_, index) => service(`s${index}`));
    const { services: given, without } = giveClusterIps(services, range);
    expect(new Set(given.flatMap(({ clusterIps }) => clusterIps)).size).toBe(47);
    expect(without).toEqual([{ service: { namespace: 'shop', name: 's9' }, reason: 'no address of IPv4 is left' }]);
    expect(addresses(services.toReversed(), range).toReversed()).toEqual(given.map(({ clusterIps }) => clusterIps));
  });

  it('is content with one family where both are preferred, and refuses where both are required, or none is there', () => {
    const one = { ipv4: null, ipv6: both.ipv6 };
    const { services, without } = giveClusterIps(
      [service('prefer', { families: [4, 6] }), service('require', { families: [4, 6], requiresDualStack: true }), service('four')],
      one,
    );
    expect(services[0]).toMatchObject({ families: [6], clusterIps: [expect.stringMatching(/^fd00:96::/)] });
    expect(services.slice(1).map(({ clusterIps }) => clusterIps)).toEqual([[], []]);
    expect(without.map(({ service: { name }, reason }) => `${name}: ${reason}`)).toEqual([
      'four: there are no ClusterIPs of IPv4',
      'require: it requires both families, and there are ClusterIPs of IPv6 only',
    ]);
  });

  it('has nothing to give where a range is all for choosing by hand', () => {
    expect(giveClusterIps([service('web')], { ipv4: prefix('10.96.0.0/28'), ipv6: null }).without).toHaveLength(1);
  });
});
