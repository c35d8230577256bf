import { address, prefix } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { deleteRoute, peerRoutes, replaceRoute } from './peer-routes.ts';

const own = [address('192.0.2.1'), address('2001:db8::1')];
const peer = {
  addresses: [address('192.0.2.2'), address('2001:db8::2')],
  podRanges: [prefix('10.2.0.0/24'), prefix('fd02::/64')],
};

describe('peerRoutes', () => {
  it("leads the node's own packets to a peer's pods into the tunnel, as remote-node, with the node's address", () => {
    expect(peerRoutes({ mode: 'overlay', underlay: 4, clusterId: 0 }, own, [peer]).map(({ way }) => way)).toEqual([
      'encap ip id 6 dst 192.0.2.2 dev myelin-vxlan src 192.0.2.1',
      'encap ip id 6 dst 192.0.2.2 dev myelin-vxlan src 2001:db8::1',
    ]);
  });

  it('has a checksum over outer IPv6, which receivers want, and the number of the cluster', () => {
    const [route] = peerRoutes({ mode: 'overlay', underlay: 6, clusterId: 3 }, own, [peer]);
    expect(route!.way).toBe('encap ip6 id 196614 dst 2001:db8::2 csum dev myelin-vxlan src 192.0.2.1');
  });

  it('leads to the address of the peer where the cluster routes natively', () => {
    expect(peerRoutes({ mode: 'native' }, own, [peer]).map(replaceRoute)).toEqual([
      '-4 route replace 10.2.0.0/24 via 192.0.2.2 src 192.0.2.1 proto 77'.split(' '),
      '-6 route replace fd02::/64 via 2001:db8::2 src 2001:db8::1 proto 77'.split(' '),
    ]);
  });

  it('has none to a peer without an address that fits', () => {
    const only4 = { ...peer, addresses: [address('192.0.2.2')] };
    expect(peerRoutes({ mode: 'overlay', underlay: 6, clusterId: 3 }, own, [only4])).toEqual([]);
    expect(peerRoutes({ mode: 'native' }, own, [only4]).map(({ prefix: { family } }) => family)).toEqual([4]);
  });
});

describe('deleteRoute', () => {
  it('names the origin, so that a route of somebody else stays', () => {
    expect(deleteRoute(6, 'fd02::/64').join(' ')).toBe('-6 route delete fd02::/64 proto 77');
  });
});
