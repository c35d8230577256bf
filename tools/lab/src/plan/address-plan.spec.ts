import { describe, expect, it } from 'vitest';
import { checkNode, fabric, mostNodes, planNode } from './address-plan.ts';
import type { LabNode } from './objects.ts';

const node = (parts: Partial<LabNode> = {}): LabNode => ({ name: 'a', uid: null, addresses: [], podCidrs: [], ...parts });

describe('planNode', () => {
  it('chooses an address of each family on the fabric', () => {
    expect(planNode(node(), [])).toEqual({ index: 0, addresses: ['172.30.0.11', 'fd30::11'], controlAddress: '169.254.7.11' });
  });
  it('takes the first free index, so that a second node is another', () => {
    expect(planNode(node(), [{ index: 0 }, { index: 2 }])).toMatchObject({ index: 1, addresses: ['172.30.0.12', 'fd30::12'] });
  });
  it('honours InternalIPs, in canonical form, IPv4 first, and chooses only what is missing', () => {
    expect(planNode(node({ addresses: ['2001:0db8::0a', '10.1.2.3'] }), []).addresses).toEqual(['10.1.2.3', '2001:db8::a']);
    expect(planNode(node({ addresses: ['2001:db8::a'] }), []).addresses).toEqual(['172.30.0.11', '2001:db8::a']);
  });
  it('never gives an address of the fabric or the control plane itself', () => {
    const all = Array.from({ length: mostNodes }, (_, index) =>
      planNode(
        node(),
        Array.from({ length: index }, (_, taken) => ({ index: taken })),
      ),
    );
    const addresses = all.flatMap(({ addresses: own, controlAddress }) => [...own, controlAddress]);
    expect(new Set([...addresses, ...fabric.gateways, fabric.control]).size).toBe(3 * mostNodes + 3);
  });
});

describe('checkNode', () => {
  const messages = (one: LabNode, others: LabNode[] = []) =>
    checkNode(one, others).map(({ path, message }) => `${path.join('.')}: ${message}`);

  it('accepts addresses and ranges that are nobody else’s, inside and outside of the fabric', () => {
    expect(messages(node({ addresses: ['172.30.0.77', '10.1.2.3'], podCidrs: ['10.244.0.0/24', 'fd00:10:244::/64'] }))).toEqual([]);
  });
  it('refuses an address of another node, however it is written', () => {
    expect(messages(node({ addresses: ['2001:db8::0a'] }), [node({ name: 'b', addresses: ['2001:db8::a'] })])).toEqual([
      'status.addresses: 2001:db8::0a is an address of node b',
    ]);
  });
  it('refuses the fabric’s own address and those outside', () => {
    expect(messages(node({ addresses: ['172.30.0.1', '198.51.100.10'] }))).toEqual([
      "status.addresses: 172.30.0.1 is the fabric's own address",
      'status.addresses: 198.51.100.10 lies in the outside network, 198.51.100.0/24',
    ]);
  });
  it('refuses ranges that overlap another node’s or a network of the lab', () => {
    expect(messages(node({ podCidrs: ['10.0.0.0/8', '172.30.0.0/16'] }), [node({ name: 'b', podCidrs: ['10.244.0.0/24'] })])).toEqual([
      'spec.podCIDRs.0: 10.0.0.0/8 overlaps a range of node b',
      "spec.podCIDRs.1: 172.30.0.0/16 overlaps the nodes' network, 172.30.0.0/24",
    ]);
  });
});
