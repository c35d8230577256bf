import { address } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { createPair, type Link, openHostSide, openPodSide, podSwitchesOff, refuseInterfaceName, refuseWord } from './link-commands.ts';

const link: Link = {
  hostInterface: 'my0123456789',
  podInterface: 'eth0',
  netns: '/proc/12/ns/net',
  podMac: '02:50:00:00:00:01',
  nodeMac: '02:4e:00:00:00:01',
  addresses: [address('10.1.0.2'), address('fd00:1::2')],
  nodeAddresses: { 4: address('192.168.0.1') },
  mtu: 1500,
};

describe('link commands', () => {
  it('make the pair down on both sides, its other end in the pod at once', () => {
    expect(createPair(link)[0]).toBe(
      'link add name my0123456789 address 02:4e:00:00:00:01 mtu 1500 type veth peer name eth0 address 02:50:00:00:00:01 mtu 1500 netns /proc/12/ns/net',
    );
    expect(createPair(link).join('\n')).not.toMatch(/ up$/m);
  });
  it('route to the pod alone, from the node address of the same family where there is one', () => {
    expect(openHostSide(link).filter((line) => line.startsWith('route'))).toEqual([
      'route replace 10.1.0.2/32 dev my0123456789 scope link src 192.168.0.1',
      'route replace fd00:1::2/128 dev my0123456789',
    ]);
  });
  it('lead the pod to the gateways with neighbours that never expire, without duplicate address detection', () => {
    const lines = openPodSide(link);
    expect(lines).toContain('addr add fd00:1::2/128 dev eth0 nodad');
    expect(lines).toContain('neigh replace fe80::1 lladdr 02:4e:00:00:00:01 dev eth0 nud permanent');
    expect(lines).toContain('route replace default via 169.254.1.1 dev eth0 onlink');
  });
  it('leave IPv6 alone in a pod that has none', () => {
    const only4 = { ...link, addresses: link.addresses.slice(0, 1) };
    expect(openPodSide(only4).join('\n')).not.toContain('fe80');
    expect(podSwitchesOff(only4)).toEqual([]);
    expect(podSwitchesOff(link)).toContain('/proc/sys/net/ipv6/conf/eth0/accept_ra');
  });
});

describe('what comes from outside', () => {
  it.each(['a b', 'a\nlink del dev eth0', 'a"b', '', '-x', 'a#b'])('refuses %j as a word of a batch line', (text) => {
    expect(refuseWord(text)).not.toBeNull();
  });
  it('takes a path of a namespace', () => {
    expect(refuseWord('/run/netns/cni-1234_5.6')).toBeNull();
  });
  it.each(['', 'a'.repeat(16), 'a/b', 'a b', '..', 'a:b', "a'b", '-eth0'])('refuses %j as an interface name', (name) => {
    expect(refuseInterfaceName(name)).not.toBeNull();
  });
  it('takes an ordinary interface name', () => {
    expect(refuseInterfaceName('eth0.100')).toBeNull();
  });
});
