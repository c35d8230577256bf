import { describe, expect, it } from 'vitest';
import { decision, forwarded, knp, verdict } from './testing/shop.ts';

const named = { verdict: 'forwarded', policies: ['NetworkPolicy/shop/knp'] };
const everybody = ['db > web', 'teller > web', 'n2 > web', 'outside > web', 'outside6 > web6'];

describe('the isolation of a NetworkPolicy', () => {
  it('without policyTypes isolates ingress, though no section is written', () => {
    expect(decision([knp({})], 'db > web')).toEqual({ verdict: 'denied-ingress', policies: ['NetworkPolicy/shop/knp'] });
  });

  it('without policyTypes leaves egress alone when no egress rule is written', () => {
    expect(verdict([knp({})], 'web > db')).toBe('forwarded');
    expect(verdict([knp({ egress: [] })], 'web > db')).toBe('forwarded');
    expect(verdict([knp({ policyTypes: [] })], 'web > db')).toBe('forwarded');
  });

  it('without policyTypes isolates both directions when an egress rule is written', () => {
    const policies = [knp({ egress: [{ to: [{ podSelector: { matchLabels: { app: 'db' } } }] }] })];
    expect(verdict(policies, 'web > db')).toBe('forwarded');
    expect(verdict(policies, 'web > outside')).toBe('denied-egress');
    expect(verdict(policies, 'db > web')).toBe('denied-ingress');
  });

  it('with policyTypes Egress alone denies all egress and ignores the ingress section', () => {
    const policies = [knp({ policyTypes: ['Egress'], ingress: [] })];
    expect(verdict(policies, 'web > db')).toBe('denied-egress');
    expect(verdict(policies, 'db > web')).toBe('forwarded');
  });

  it('with policyTypes Ingress alone ignores the egress section', () => {
    const policies = [knp({ policyTypes: ['Ingress'], egress: [{ to: [{ podSelector: {} }] }] })];
    expect(verdict(policies, 'web > outside')).toBe('forwarded');
  });

  it('with a listed type and its section absent isolates and allows nothing', () => {
    expect(forwarded([knp({ policyTypes: ['Ingress'] })], everybody)).toEqual([]);
  });

  it('with `ingress: []` isolates and allows nothing', () => {
    expect(forwarded([knp({ ingress: [] })], everybody)).toEqual([]);
  });

  it('with `ingress: [{}]` isolates and allows everything', () => {
    expect(forwarded([knp({ ingress: [{}] })], [...everybody, 'db > web ICMP'])).toEqual([...everybody, 'db > web ICMP']);
    expect(decision([knp({ ingress: [{}] })], 'outside > web')).toEqual(named);
  });
});

describe('whom a NetworkPolicy selects', () => {
  it('is pods of its own namespace only', () => {
    expect(verdict([knp({ podSelector: {} }, 'knp', 'bank')], 'db > web')).toBe('forwarded');
    expect(verdict([knp({ podSelector: {} }, 'knp', 'bank')], 'web > teller')).toBe('denied-ingress');
  });

  it('is every pod of its namespace when the selector is empty or absent', () => {
    expect(verdict([knp({ podSelector: {} })], 'web > db')).toBe('denied-ingress');
    expect(verdict([knp({ podSelector: undefined })], 'web > db')).toBe('denied-ingress');
  });

  it('is pods of `default` when no namespace is written', () => {
    const policy = { kind: 'NetworkPolicy', metadata: { name: 'knp' }, spec: { podSelector: {} } };
    expect(verdict([policy], 'web > db')).toBe('forwarded');
  });
});

describe('the peers of a NetworkPolicy rule', () => {
  it('are all sources when absent, null or an empty list', () => {
    for (const from of [undefined, null, []]) expect(forwarded([knp({ ingress: [{ from }] })], everybody)).toEqual(everybody);
  });

  it('`podSelector: {}` are the pods of its namespace, and no node', () => {
    expect(forwarded([knp({ ingress: [{ from: [{ podSelector: {} }] }] })], everybody)).toEqual(['db > web']);
  });

  it('`namespaceSelector: {}` are the pods of all namespaces, and no node', () => {
    expect(forwarded([knp({ ingress: [{ from: [{ namespaceSelector: {} }] }] })], everybody)).toEqual(['db > web', 'teller > web']);
  });

  it('are pods of the namespaces that carry a label', () => {
    const blue = { namespaceSelector: { matchLabels: { team: 'blue' } } };
    expect(forwarded([knp({ ingress: [{ from: [blue] }] })], everybody)).toEqual(['teller > web']);
  });

  it('may name a namespace by kubernetes.io/metadata.name though nobody wrote that label', () => {
    const bank = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } } };
    expect(forwarded([knp({ ingress: [{ from: [bank] }] })], everybody)).toEqual(['teller > web']);
  });

  it('with both selectors in one item must satisfy both', () => {
    const both = { namespaceSelector: { matchLabels: { team: 'blue' } }, podSelector: { matchLabels: { app: 'teller' } } };
    const flows = ['db > web', 'teller > web', 'vault > web'];
    expect(forwarded([knp({ ingress: [{ from: [both] }] })], flows)).toEqual(['teller > web']);
  });

  it('with the selectors in two items may satisfy either', () => {
    const either = [{ namespaceSelector: { matchLabels: { team: 'blue' } } }, { podSelector: { matchLabels: { app: 'db' } } }];
    const flows = ['db > web', 'teller > web', 'vault > web'];
    expect(forwarded([knp({ ingress: [{ from: either }] })], flows)).toEqual(flows);
  });

  it('never see the labels that an identity has beside those of the pod', () => {
    const shop = { namespaceSelector: {}, podSelector: { matchLabels: { 'io.kubernetes.pod.namespace': 'shop' } } };
    expect(forwarded([knp({ ingress: [{ from: [shop] }] })], [...everybody, 'vault > web'])).toEqual([]);
  });

  it('select nodes and the outside never by a negative expression', () => {
    const notBank = { namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['blue'] }] } };
    expect(forwarded([knp({ ingress: [{ from: [notBank] }] })], everybody)).toEqual(['db > web']);
  });
});

describe('ipBlock', () => {
  const block = (cidr: string, except?: string[]) => [knp({ ingress: [{ from: [{ ipBlock: { cidr, except } }] }] })];

  it('matches addresses outside the cluster', () => {
    expect(forwarded(block('198.51.100.0/24'), ['outside > web', 'other > web'])).toEqual(['outside > web']);
  });

  it('matches pods by their address', () => {
    expect(forwarded(block('10.0.2.0/24'), ['db > web', 'teller > web'])).toEqual(['db > web']);
  });

  it('matches nodes by their address', () => {
    expect(forwarded(block('192.168.0.2/32'), ['n2 > web', 'db > web'])).toEqual(['n2 > web']);
  });

  it('of one family says nothing of the other', () => {
    expect(forwarded(block('0.0.0.0/0'), ['db > web', 'db6 > web6'])).toEqual(['db > web']);
    expect(forwarded(block('::/0'), ['db > web', 'db6 > web6'])).toEqual(['db6 > web6']);
  });

  it('leaves out what except names, pods as well', () => {
    const flows = ['db > web', 'teller > web', 'outside > web', 'other > web'];
    expect(forwarded(block('0.0.0.0/0', ['10.0.2.0/24', '198.51.100.10/32']), flows)).toEqual(['teller > web', 'other > web']);
  });

  it('except holds for its own block only', () => {
    const from = [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.2.0/24'] } }, { ipBlock: { cidr: '10.0.2.2/32' } }];
    expect(verdict([knp({ ingress: [{ from }] })], 'db > web')).toBe('forwarded');
  });

  it('works on egress too', () => {
    const policies = [knp({ policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '10.0.2.2/32' } }] }] })];
    expect(forwarded(policies, ['web > db', 'web > teller', 'web > n1'])).toEqual(['web > db']);
  });

  it('at egress has no port names, for pods neither; peers beside it have theirs, and numbers hold for both', () => {
    const to = [{ ipBlock: { cidr: '0.0.0.0/0' } }, { podSelector: { matchLabels: { app: 'none' } } }];
    const flows = ['web > db TCP 80', 'web > outside TCP 80', 'web > db TCP 443', 'web > outside TCP 443'];
    const egress = (peers: object[], ...ports: object[]) => [knp({ policyTypes: ['Egress'], egress: [{ to: peers, ports }] })];
    expect(forwarded(egress(to, { port: 'http' }), flows)).toEqual([]);
    expect(forwarded(egress(to, { port: 'http' }, { port: 443 }), flows)).toEqual(['web > db TCP 443', 'web > outside TCP 443']);
    expect(forwarded(egress([...to, { podSelector: {} }], { port: 'http' }), flows)).toEqual(['web > db TCP 80']);
  });
});

describe('the ports of a NetworkPolicy rule', () => {
  const ports = (...list: object[]) => [knp({ ingress: [{ ports: list }] })];

  it('are all ports and ICMP when absent or an empty list', () => {
    expect(forwarded(ports(), ['db > web TCP 1', 'db > web UDP 1', 'db > web ICMP'])).toHaveLength(3);
  });

  it('are TCP when no protocol is written', () => {
    expect(forwarded(ports({ port: 80 }), ['db > web TCP 80', 'db > web UDP 80', 'db > web SCTP 80'])).toEqual(['db > web TCP 80']);
  });

  it('are all ports of the protocol when no port is written', () => {
    expect(forwarded(ports({ protocol: 'UDP' }), ['db > web UDP 9', 'db > web TCP 9'])).toEqual(['db > web UDP 9']);
    expect(forwarded(ports({}), ['db > web UDP 9', 'db > web TCP 9'])).toEqual(['db > web TCP 9']);
  });

  it('with endPort are a range with both its ends', () => {
    const flows = [79, 80, 81, 82, 83].map((port) => `db > web TCP ${port}`);
    expect(forwarded(ports({ port: 80, endPort: 82 }), flows)).toEqual(flows.slice(1, 4));
  });

  it('are alternatives', () => {
    const flows = ['db > web TCP 80', 'db > web UDP 53', 'db > web TCP 53'];
    expect(forwarded(ports({ port: 80 }, { port: 53, protocol: 'UDP' }), flows)).toEqual(flows.slice(0, 2));
  });

  it('never match ICMP', () => {
    expect(verdict(ports({ port: 80 }, {}), 'db > web ICMP')).toBe('denied-ingress');
    expect(verdict(ports({ port: 80 }, {}), 'db6 > web6 ICMPv6')).toBe('denied-ingress');
  });

  it('by name on ingress are the number that the selected pod gives the name', () => {
    const policies = [knp({ podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] })];
    expect(forwarded(policies, ['teller > web TCP 8080', 'teller > web TCP 80', 'teller > db TCP 80', 'teller > db TCP 8080'])).toEqual([
      'teller > web TCP 8080',
      'teller > db TCP 80',
    ]);
  });

  it('by name on egress are the number that the destination pod gives the name', () => {
    const policies = [knp({ policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] })];
    expect(forwarded(policies, ['web > db TCP 80', 'web > db TCP 8080', 'web > teller TCP 80'])).toEqual(['web > db TCP 80']);
  });

  it('by name never match a node or the outside', () => {
    const policies = [knp({ policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] })];
    expect(forwarded(policies, ['web > outside TCP 80', 'web > n2 TCP 8080'])).toEqual([]);
  });

  it('by name need the protocol to be the one of the name', () => {
    expect(forwarded(ports({ port: 'dns' }), ['db > web UDP 53', 'db > web TCP 53'])).toEqual([]);
    expect(forwarded(ports({ port: 'dns', protocol: 'UDP' }), ['db > web UDP 53', 'db > web TCP 53'])).toEqual(['db > web UDP 53']);
  });
});

describe('the rules of a NetworkPolicy', () => {
  const db = { podSelector: { matchLabels: { app: 'db' } } };
  const teller = { namespaceSelector: {}, podSelector: { matchLabels: { app: 'teller' } } };
  const flows = ['db > web TCP 80', 'db > web TCP 443', 'teller > web TCP 80', 'teller > web TCP 443'];

  it('must match in peer and port at once', () => {
    expect(forwarded([knp({ ingress: [{ from: [db], ports: [{ port: 80 }] }] })], flows)).toEqual(['db > web TCP 80']);
  });

  it('are a union, never a cross product', () => {
    const ingress = [
      { from: [db], ports: [{ port: 80 }] },
      { from: [teller], ports: [{ port: 443 }] },
    ];
    expect(forwarded([knp({ ingress })], flows)).toEqual(['db > web TCP 80', 'teller > web TCP 443']);
  });

  it('of several policies are a union, and each that allows is named', () => {
    const policies = [knp({ ingress: [{ from: [db] }] }, 'b'), knp({ ingress: [{ ports: [{ port: 80 }] }] }, 'a'), knp({}, 'c')];
    expect(decision(policies, 'db > web').policies).toEqual(['NetworkPolicy/shop/a', 'NetworkPolicy/shop/b']);
    expect(decision(policies, 'teller > web TCP 443').policies).toEqual(['a', 'b', 'c'].map((name) => `NetworkPolicy/shop/${name}`));
  });
});
