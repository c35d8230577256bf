import { describe, expect, it } from 'vitest';
import { ccnp, cnp, decision, forwarded, verdict } from './testing/shop.ts';

const everybody = ['db > web', 'teller > web', 'n2 > web', 'outside > web', 'outside6 > web6'];
const labelled = (app: string) => ({ matchLabels: { app } });

describe('the isolation of a CiliumNetworkPolicy', () => {
  it('leaves a direction alone whose section is absent or an empty list', () => {
    expect(verdict([cnp({ egress: [{}] })], 'db > web')).toBe('forwarded');
    expect(verdict([cnp({ egress: [{}], ingress: [] })], 'db > web')).toBe('forwarded');
    expect(verdict([cnp({ ingress: [{}] })], 'web > db')).toBe('forwarded');
  });

  it('with `ingress: [{}]` isolates and allows nothing', () => {
    expect(forwarded([cnp({ ingress: [{}] })], everybody)).toEqual([]);
    expect(decision([cnp({ ingress: [{}] })], 'db > web').policies).toEqual(['CiliumNetworkPolicy/shop/cnp']);
  });

  it('comes with deny rules alone as well, also with one that matches nobody', () => {
    expect(verdict([cnp({ ingressDeny: [{ fromEndpoints: [labelled('db')] }] })], 'outside > web')).toBe('denied-ingress');
    expect(verdict([cnp({ egressDeny: [{}] })], 'web > outside')).toBe('denied-egress');
    expect(verdict([cnp({ ingress: [{}], egressDeny: [] })], 'web > outside')).toBe('forwarded');
  });

  it('is off with enableDefaultDeny false, while its allows and denies still count', () => {
    const off = { enableDefaultDeny: { ingress: false } };
    expect(verdict([cnp({ ...off, ingress: [{ fromEndpoints: [labelled('db')] }] })], 'teller > web')).toBe('forwarded');
    const deny = cnp({ ...off, ingressDeny: [{ fromEndpoints: [labelled('db')] }] });
    expect(forwarded([deny], everybody)).toEqual(everybody.slice(1));
    const allow = cnp({ ...off, ingress: [{ fromEndpoints: [labelled('db')] }] }, 'allow');
    expect(forwarded([allow, cnp({ ingress: [{}] })], everybody)).toEqual(['db > web']);
  });

  it('is off per direction', () => {
    const policies = [cnp({ enableDefaultDeny: { ingress: false }, ingress: [{}], egress: [{}] })];
    expect(verdict(policies, 'db > web')).toBe('forwarded');
    expect(verdict(policies, 'web > db')).toBe('denied-egress');
  });

  it('is on with enableDefaultDeny true, though the section is absent', () => {
    expect(verdict([cnp({ enableDefaultDeny: { egress: true }, ingress: [{}] })], 'web > db')).toBe('denied-egress');
  });

  it('is on when one of several policies wants it', () => {
    const policies = [cnp({ enableDefaultDeny: { ingress: false }, ingress: [{}] }, 'off'), cnp({ ingress: [{}] }, 'on')];
    expect(decision(policies, 'db > web')).toEqual({ verdict: 'denied-ingress', policies: ['CiliumNetworkPolicy/shop/on'] });
  });
});

describe('whom a Cilium policy selects', () => {
  it('is endpoints of its own namespace, for a CiliumNetworkPolicy', () => {
    expect(verdict([cnp({ endpointSelector: {}, ingress: [{}] })], 'web > teller')).toBe('forwarded');
    expect(verdict([cnp({ endpointSelector: {}, ingress: [{}] })], 'teller > db')).toBe('denied-ingress');
  });

  it('is endpoints of every namespace, for a CiliumClusterwideNetworkPolicy', () => {
    expect(verdict([ccnp({ endpointSelector: {}, ingress: [{}] })], 'web > teller')).toBe('denied-ingress');
    expect(decision([ccnp({ ingress: [{}] })], 'db > web').policies).toEqual(['CiliumClusterwideNetworkPolicy//ccnp']);
  });

  it('may be told by namespace, namespace label, service account or cluster', () => {
    const selected = (matchLabels: object) =>
      ['db > web', 'web > db', 'web > teller'].filter(
        (flow) => verdict([ccnp({ endpointSelector: { matchLabels }, ingress: [{}] })], flow) !== 'forwarded',
      );
    expect(selected({ 'io.kubernetes.pod.namespace': 'bank' })).toEqual(['web > teller']);
    expect(selected({ 'k8s:io.cilium.k8s.namespace.labels.team': 'red' })).toEqual(['db > web', 'web > db']);
    expect(selected({ 'io.cilium.k8s.policy.serviceaccount': 'postgres' })).toEqual(['web > db']);
    expect(selected({ 'io.cilium.k8s.policy.serviceaccount': 'default' })).toEqual(['db > web', 'web > teller']);
    expect(selected({ 'io.cilium.k8s.policy.cluster': 'default' })).toHaveLength(3);
  });

  it('applies every spec of `spec` and `specs`, each to whom it selects', () => {
    const specs = [
      { endpointSelector: labelled('db'), ingress: [{ toPorts: [{ ports: [{ port: '80' }] }] }] },
      { endpointSelector: labelled('web'), ingress: [{ toPorts: [{ ports: [{ port: '443' }] }] }] },
    ];
    const policy = { ...(cnp({ ingress: [{ fromEndpoints: [labelled('db')] }] }) as object), specs };
    const flows = ['teller > db TCP 80', 'teller > db TCP 443', 'teller > web TCP 80', 'teller > web TCP 443', 'db > web TCP 80'];
    expect(forwarded([policy], flows)).toEqual(['teller > db TCP 80', 'teller > web TCP 443', 'db > web TCP 80']);
  });
});

describe('the peers of a Cilium rule', () => {
  const from = (rule: object) => [cnp({ ingress: [rule] })];

  it('absent beside ports are every source on those ports', () => {
    expect(forwarded(from({ toPorts: [{ ports: [{ port: '80' }] }] }), [...everybody, 'db > web TCP 81'])).toEqual(everybody);
  });

  it('absent beside an empty list of ports are nobody', () => {
    expect(forwarded(from({ toPorts: [] }), everybody)).toEqual([]);
  });

  it('`fromEndpoints: []` are nobody, also with ports', () => {
    expect(forwarded(from({ fromEndpoints: [] }), everybody)).toEqual([]);
    expect(forwarded(from({ fromEndpoints: [], toPorts: [{ ports: [{ port: '80' }] }] }), everybody)).toEqual([]);
  });

  it('of every other empty list are nobody, even beside a list that is not', () => {
    for (const list of ['fromEntities', 'fromCIDR', 'fromCIDRSet']) {
      expect(forwarded(from({ [list]: [], toPorts: [{ ports: [{ port: '80' }] }] }), everybody)).toEqual([]);
      expect(forwarded(from({ [list]: [], fromEndpoints: [{}] }), everybody)).toEqual([]);
    }
  });

  it('`fromEndpoints: [{}]` are the endpoints of the namespace, for a CiliumClusterwideNetworkPolicy of the cluster', () => {
    expect(forwarded(from({ fromEndpoints: [{}] }), everybody)).toEqual(['db > web']);
    expect(forwarded([ccnp({ ingress: [{ fromEndpoints: [{}] }] })], everybody)).toEqual(['db > web', 'teller > web']);
  });

  it('by label are endpoints of the namespace, for a CiliumClusterwideNetworkPolicy of the cluster', () => {
    const front = [{ matchLabels: { app: 'teller' } }];
    expect(forwarded(from({ fromEndpoints: front }), everybody)).toEqual([]);
    expect(forwarded([ccnp({ ingress: [{ fromEndpoints: front }] })], everybody)).toEqual(['teller > web']);
  });

  it('leave the namespace when they name one', () => {
    for (const key of ['io.kubernetes.pod.namespace', 'k8s:io.kubernetes.pod.namespace', 'any:io.kubernetes.pod.namespace']) {
      expect(forwarded(from({ fromEndpoints: [{ matchLabels: { [key]: 'bank' } }] }), everybody)).toEqual(['teller > web']);
    }
  });

  it('leave the namespace when they name a label of it', () => {
    const blue = { matchLabels: { 'io.cilium.k8s.namespace.labels.team': 'blue' } };
    expect(forwarded(from({ fromEndpoints: [blue] }), everybody)).toEqual(['teller > web']);
    const named = { matchLabels: { 'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name': 'bank' } };
    expect(forwarded(from({ fromEndpoints: [named] }), everybody)).toEqual(['teller > web']);
  });

  it('leave the namespace when an expression names one, of whatever operator', () => {
    const notShop = { matchExpressions: [{ key: 'io.kubernetes.pod.namespace', operator: 'NotIn', values: ['shop'] }] };
    expect(forwarded(from({ fromEndpoints: [notShop] }), everybody)).toEqual(['teller > web']);
    const anywhere = { matchExpressions: [{ key: 'io.kubernetes.pod.namespace', operator: 'Exists' }] };
    expect(forwarded(from({ fromEndpoints: [anywhere] }), everybody)).toEqual(['db > web', 'teller > web']);
  });

  it('are never nodes or the outside because an expression is negative', () => {
    const notTeller = { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['teller'] }] };
    expect(forwarded([ccnp({ ingress: [{ fromEndpoints: [notTeller] }] })], everybody)).toEqual(['db > web']);
    const notBank = { matchExpressions: [{ key: 'io.kubernetes.pod.namespace', operator: 'NotIn', values: ['bank'] }] };
    expect(forwarded([ccnp({ ingress: [{ fromEndpoints: [notBank] }] })], everybody)).toEqual(['db > web']);
  });

  it('cannot claim a namespace by a label of their own', () => {
    const shop = { matchLabels: { 'io.kubernetes.pod.namespace': 'shop' } };
    expect(forwarded([ccnp({ ingress: [{ fromEndpoints: [shop] }] })], ['db > web', 'vault > web'])).toEqual(['db > web']);
  });

  it('are told by labels whatever their source, unless one is written', () => {
    for (const key of ['app', 'any:app', 'k8s:app'])
      expect(verdict(from({ fromEndpoints: [{ matchLabels: { [key]: 'db' } }] }), 'db > web')).toBe('forwarded');
    expect(verdict(from({ fromEndpoints: [{ matchLabels: { 'container:app': 'db' } }] }), 'db > web')).toBe('denied-ingress');
  });
});

describe('entities', () => {
  const flows = ['db > web', 'teller > web', 'n2 > web', 'outside > web', 'outside6 > web6'];
  const from = (...fromEntities: string[]) => forwarded([cnp({ ingress: [{ fromEntities }] })], flows);
  const to = (...toEntities: string[]) =>
    forwarded(
      [cnp({ egress: [{ toEntities }] })],
      ['web > db', 'web > teller', 'web > n1', 'web > n2', 'web > outside', 'web6 > outside6'],
    );

  it('`all` is everything', () => {
    expect(from('all')).toEqual(flows);
    expect(to('all')).toHaveLength(6);
  });

  it('`world` is the outside, `world-ipv4` and `world-ipv6` its two families', () => {
    expect(from('world')).toEqual(['outside > web', 'outside6 > web6']);
    expect(from('world-ipv4')).toEqual(['outside > web']);
    expect(to('world-ipv6')).toEqual(['web6 > outside6']);
  });

  it('`cluster` is endpoints and nodes', () => {
    expect(from('cluster')).toEqual(['db > web', 'teller > web', 'n2 > web']);
    expect(to('cluster')).toEqual(['web > db', 'web > teller', 'web > n1', 'web > n2']);
  });

  it('`host` is the own node, `remote-node` every other one', () => {
    expect(to('host')).toEqual(['web > n1']);
    expect(to('remote-node')).toEqual(['web > n2']);
    expect(from('host')).toEqual([]);
    expect(from('remote-node')).toEqual(['n2 > web']);
  });

  it('`none` is nobody, and so are those of which there is none', () => {
    for (const entity of ['none', 'kube-apiserver', 'ingress', 'init', 'health', 'unmanaged']) expect(from(entity)).toEqual([]);
  });

  it('are alternatives', () => {
    expect(from('world-ipv6', 'remote-node')).toEqual(['n2 > web', 'outside6 > web6']);
  });
});

describe('prefixes of Cilium rules', () => {
  it('match the outside and never an endpoint or a node', () => {
    expect(forwarded([cnp({ ingress: [{ fromCIDR: ['0.0.0.0/0'] }] })], everybody)).toEqual(['outside > web']);
    expect(forwarded([cnp({ egress: [{ toCIDR: ['10.0.0.0/8', '192.168.0.0/16'] }] })], ['web > db', 'web > n1', 'web > n2'])).toEqual([]);
  });

  it('may be bare addresses', () => {
    expect(forwarded([cnp({ ingress: [{ fromCIDR: ['198.51.100.10'] }] })], ['outside > web', 'other > web'])).toEqual(['outside > web']);
  });

  it('leave out what except names, for their own entry only', () => {
    const hole = { cidr: '0.0.0.0/0', except: ['198.51.100.0/24'] };
    expect(forwarded([cnp({ ingress: [{ fromCIDRSet: [hole] }] })], ['outside > web', 'other > web'])).toEqual(['other > web']);
    const both = [hole, { cidr: '198.51.0.0/16' }];
    expect(forwarded([cnp({ ingress: [{ fromCIDRSet: both }] })], ['outside > web', 'other > web'])).toEqual([
      'outside > web',
      'other > web',
    ]);
  });

  it('in a deny leave except to other rules', () => {
    const deny = cnp({
      egress: [{ toEntities: ['all'] }],
      egressDeny: [{ toCIDRSet: [{ cidr: '0.0.0.0/0', except: ['203.0.113.0/24'] }] }],
    });
    expect(forwarded([deny], ['web > outside', 'web > other', 'web > db'])).toEqual(['web > other', 'web > db']);
  });
});

describe('the ports of a Cilium rule', () => {
  const ports = (...list: object[]) => [cnp({ ingress: [{ toPorts: [{ ports: list }] }] })];
  const flows = ['db > web TCP 53', 'db > web UDP 53', 'db > web SCTP 53', 'db > web ICMP', 'db > web TCP 54'];

  it('of protocol ANY, empty or absent are TCP, UDP and SCTP, never ICMP', () => {
    for (const protocol of ['ANY', '', undefined]) expect(forwarded(ports({ port: '53', protocol }), flows)).toEqual(flows.slice(0, 3));
  });

  it('of one protocol are of that one', () => {
    expect(forwarded(ports({ port: '53', protocol: 'UDP' }), flows)).toEqual(['db > web UDP 53']);
    expect(forwarded(ports({ port: '53', protocol: 'SCTP' }), flows)).toEqual(['db > web SCTP 53']);
  });

  it('with endPort are a range with both its ends', () => {
    const some = [79, 80, 81, 82, 83].map((port) => `db > web TCP ${port}`);
    expect(forwarded(ports({ port: '80', endPort: 82, protocol: 'TCP' }), some)).toEqual(some.slice(1, 4));
  });

  it('of number 0 are every port', () => {
    expect(forwarded(ports({ port: '0', protocol: 'TCP' }), flows)).toEqual(['db > web TCP 53', 'db > web TCP 54']);
    expect(forwarded(ports({ port: '0' }), [...flows, 'db6 > web6 ICMPv6'])).toEqual([...flows.slice(0, 3), 'db > web TCP 54']);
  });

  it('absent let ICMP through with an L3 rule', () => {
    expect(verdict([cnp({ ingress: [{ fromEndpoints: [{}] }] })], 'db > web ICMP')).toBe('forwarded');
    expect(verdict([cnp({ ingress: [{ fromEndpoints: [{}], toPorts: [] }] })], 'db6 > web6 ICMPv6')).toBe('forwarded');
  });

  it('of several entries are alternatives', () => {
    const policies = [cnp({ ingress: [{ toPorts: [{ ports: [{ port: '53' }] }, { ports: [{ port: '54', protocol: 'TCP' }] }] }] })];
    expect(forwarded(policies, flows)).toEqual([...flows.slice(0, 3), 'db > web TCP 54']);
  });

  it('by name are the number that the own pod gives it on ingress, the peer on egress', () => {
    expect(forwarded(ports({ port: 'http' }), ['db > web TCP 8080', 'db > web TCP 80'])).toEqual(['db > web TCP 8080']);
    const egress = [cnp({ egress: [{ toPorts: [{ ports: [{ port: 'http', protocol: 'TCP' }] }] }] })];
    expect(forwarded(egress, ['web > db TCP 80', 'web > db TCP 8080', 'web > teller TCP 80', 'web > outside TCP 80'])).toEqual([
      'web > db TCP 80',
    ]);
  });

  it('by name take the protocol of the name, which a written one may not contradict', () => {
    expect(forwarded(ports({ port: 'dns' }), flows)).toEqual(['db > web UDP 53']);
    expect(forwarded(ports({ port: 'DNS', protocol: 'UDP' }), flows)).toEqual(['db > web UDP 53']);
    expect(forwarded(ports({ port: 'dns', protocol: 'TCP' }), flows)).toEqual([]);
  });
});

describe('deny rules', () => {
  const all = cnp({ ingress: [{ fromEntities: ['all'] }] }, 'all');

  it('beat every allow, whatever the order, and are named alone', () => {
    const deny = cnp({ ingressDeny: [{ fromEndpoints: [labelled('db')] }] }, 'deny');
    for (const policies of [
      [all, deny],
      [deny, all],
    ]) {
      expect(decision(policies, 'db > web')).toEqual({ verdict: 'denied-ingress', policies: ['CiliumNetworkPolicy/shop/deny'] });
      expect(decision(policies, 'outside > web')).toEqual({ verdict: 'forwarded', policies: ['CiliumNetworkPolicy/shop/all'] });
    }
  });

  it('on a port leave other ports and ICMP alone', () => {
    const deny = cnp({ ingressDeny: [{ toPorts: [{ ports: [{ port: '80' }] }] }] }, 'deny');
    expect(forwarded([all, deny], ['db > web TCP 80', 'db > web TCP 81', 'db > web ICMP'])).toEqual(['db > web TCP 81', 'db > web ICMP']);
  });

  it('without ports deny ICMP too', () => {
    expect(verdict([all, cnp({ ingressDeny: [{ fromEndpoints: [{}] }] }, 'deny')], 'db > web ICMP')).toBe('denied-ingress');
  });

  it('that say nothing (`{}`) deny nobody', () => {
    expect(verdict([all, cnp({ ingressDeny: [{}] }, 'deny')], 'db > web')).toBe('forwarded');
  });
});
