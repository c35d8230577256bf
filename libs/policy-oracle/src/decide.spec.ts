import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { ccnp, cnp, decision, knp, verdict } from './testing/shop.ts';

describe('a flow', () => {
  it('is forwarded where no policy selects either end', () => {
    expect(decision([], 'web > db')).toEqual({ verdict: 'forwarded', policies: [] });
    expect(decision([knp({ podSelector: { matchLabels: { app: 'nobody' } } })], 'web > db')).toEqual({
      verdict: 'forwarded',
      policies: [],
    });
  });

  it('needs both ends to permit it', () => {
    expect(verdict([knp({ policyTypes: ['Egress'] })], 'web > db')).toBe('denied-egress');
    expect(verdict([knp({ podSelector: { matchLabels: { app: 'db' } } })], 'web > db')).toBe('denied-ingress');
  });

  it('that both ends deny is denied where it begins', () => {
    const policies = [knp({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })];
    expect(verdict(policies, 'web > db')).toBe('denied-egress');
  });

  it('that is forwarded names the policies of both ends', () => {
    const policies = [
      cnp({ egress: [{ toEndpoints: [{}] }] }, 'from'),
      cnp({ endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] }, 'to'),
    ];
    expect(decision(policies, 'web > db').policies).toEqual(['CiliumNetworkPolicy/shop/from', 'CiliumNetworkPolicy/shop/to']);
  });

  it('where nothing isolates names whose rule allows it, and nobody where none does', () => {
    const policies = [cnp({ egress: [{ toEntities: ['cluster'] }], enableDefaultDeny: { egress: false } })];
    expect(decision(policies, 'web > db').policies).toEqual(['CiliumNetworkPolicy/shop/cnp']);
    expect(decision(policies, 'web > outside')).toEqual({ verdict: 'forwarded', policies: [] });
  });

  it('denied by default names every policy that isolates, and none that does not', () => {
    const policies = [knp({}), cnp({ ingress: [{}] }), cnp({ egress: [{}] }, 'egress'), ccnp({ ingress: [{}] })];
    expect(decision(policies, 'db > web').policies).toEqual([
      'CiliumClusterwideNetworkPolicy//ccnp',
      'CiliumNetworkPolicy/shop/cnp',
      'NetworkPolicy/shop/knp',
    ]);
  });

  it('between nodes and the outside meets no policy', () => {
    const policies = [ccnp({ endpointSelector: {}, ingress: [{}], egress: [{}] })];
    for (const flow of ['n1 > outside', 'outside > n1', 'n1 > n2']) expect(verdict(policies, flow)).toBe('forwarded');
  });

  it('from an endpoint to itself is not asked', () => {
    expect(() => decision([], 'web > web')).toThrow(RangeError);
  });

  it('with an end that is not there is refused', () => {
    const source = { address: '198.51.100.10' };
    const world = { endpoints: [], nodes: [{ name: 'other', addresses: [] }], policies: [] };
    expect(() => decide(world, { source, destination: { endpoint: 'a/b', address: '10.0.0.1' }, protocol: 'TCP', port: 1 })).toThrow(
      'no endpoint a/b',
    );
    expect(() => decide(world, { source, destination: { node: 'n', address: '10.0.0.1' }, protocol: 'TCP', port: 1 })).toThrow('no node n');
  });

  it('under a document that is no policy is refused', () => {
    expect(() => decision([{ kind: 'Pod' }], 'web > db')).toThrow('kind Pod');
  });
});

describe('policies of several kinds', () => {
  const db = { podSelector: { matchLabels: { app: 'db' } } };

  it('are one union of allows', () => {
    const policies = [knp({ ingress: [{ from: [db] }] }), cnp({ ingress: [{ fromEntities: ['world'] }] })];
    expect(decision(policies, 'db > web').policies).toEqual(['NetworkPolicy/shop/knp']);
    expect(decision(policies, 'outside > web').policies).toEqual(['CiliumNetworkPolicy/shop/cnp']);
    expect(verdict(policies, 'teller > web')).toBe('denied-ingress');
  });

  it('are denied by a deny of any kind, clusterwide or not, before or after', () => {
    const allow = knp({ ingress: [{}] });
    const deny = ccnp({ ingressDeny: [{ fromEntities: ['cluster'] }] });
    for (const policies of [
      [allow, deny],
      [deny, allow],
    ]) {
      expect(decision(policies, 'db > web')).toEqual({ verdict: 'denied-ingress', policies: ['CiliumClusterwideNetworkPolicy//ccnp'] });
      expect(verdict(policies, 'outside > web')).toBe('forwarded');
    }
  });
});

describe("an endpoint's own node", () => {
  it('may reach it though ingress is isolated, and no policy is named', () => {
    expect(decision([knp({})], 'n1 > web')).toEqual({ verdict: 'forwarded', policies: [] });
    expect(verdict([cnp({ ingress: [{}] })], 'n1 > web ICMP')).toBe('forwarded');
    expect(verdict([knp({})], 'n1v6 > web6')).toBe('forwarded');
  });

  it('is named with the policy that allows it, where there is one', () => {
    expect(decision([knp({ ingress: [{}] })], 'n1 > web').policies).toEqual(['NetworkPolicy/shop/knp']);
  });

  it('is stopped by a deny of host, on the ports that it denies', () => {
    const deny = cnp({ ingressDeny: [{ fromEntities: ['host'], toPorts: [{ ports: [{ port: '80' }] }] }] });
    expect(decision([deny], 'n1 > web TCP 80')).toEqual({ verdict: 'denied-ingress', policies: ['CiliumNetworkPolicy/shop/cnp'] });
    expect(verdict([deny], 'n1 > web TCP 81')).toBe('forwarded');
  });

  it('is stopped by a deny of everybody or of the cluster, which host is part of', () => {
    for (const entity of ['all', 'cluster'])
      expect(verdict([cnp({ ingressDeny: [{ fromEntities: [entity] }] })], 'n1 > web')).toBe('denied-ingress');
    expect(verdict([cnp({ ingressDeny: [{ toPorts: [{ ports: [{ port: '80' }] }] }] })], 'n1 > web')).toBe('denied-ingress');
  });

  it('is not stopped by a deny of its address, which prefixes never match', () => {
    expect(verdict([cnp({ ingressDeny: [{ fromCIDR: ['192.168.0.0/16'] }] })], 'n1 > web')).toBe('forwarded');
  });

  it('needs a rule to be reached from it, when egress is isolated', () => {
    expect(verdict([knp({ policyTypes: ['Egress'] })], 'web > n1')).toBe('denied-egress');
    expect(verdict([cnp({ egress: [{ toEntities: ['host'] }] })], 'web > n1')).toBe('forwarded');
    expect(verdict([knp({ policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '192.168.0.1/32' } }] }] })], 'web > n1')).toBe(
      'forwarded',
    );
  });

  it('is one node: every other needs a rule', () => {
    expect(verdict([knp({})], 'n2 > web')).toBe('denied-ingress');
    expect(verdict([knp({ podSelector: { matchLabels: { app: 'db' } } })], 'n2 > db')).toBe('forwarded');
  });
});
