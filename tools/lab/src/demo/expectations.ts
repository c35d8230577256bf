import type { ProbeRequest } from '../plan/probes.ts';

/** What should become of a connection. `by`: the policies that decide, as `<kind> <namespace>/<name>`, with the rule where a rule denies; sorted. */
export type Expected =
  | {
      readonly verdict: 'allowed' /** The client address that the server should see; null: the client's own. */;
      readonly seenAs: 'node' | null;
    }
  | { readonly verdict: 'denied'; readonly at: 'egress' | 'ingress'; readonly by: readonly string[] };

/** One line of the demo's table. It is tried over IPv4 and over IPv6. */
export interface Expectation {
  readonly title: string;
  readonly from: string;
  /** As a probe names it; two where the target has no name: IPv4, IPv6. */
  readonly to: string | readonly [string, string];
  readonly protocol: ProbeRequest['protocol'];
  readonly port: number;
  readonly expected: Expected;
}

const allowed: Expected = { verdict: 'allowed', seenAs: null };
const egress = (...by: string[]): Expected => ({ verdict: 'denied', at: 'egress', by });
const ingress = (...by: string[]): Expected => ({ verdict: 'denied', at: 'ingress', by });

const defaultDeny = 'NetworkPolicy shop/default-deny';
const catalog = 'NetworkPolicy shop/read-catalog';
const orders = 'CiliumNetworkPolicy shop/orders';
const mailer = 'CiliumNetworkPolicy shop/mailer';
const storefront = 'shop/storefront';

const tcp = (title: string, from: string, to: Expectation['to'], port: number, expected: Expected): Expectation => ({
  title,
  from,
  to,
  protocol: 'TCP',
  port,
  expected,
});
const udp = (title: string, from: string, to: string, port: number, expected: Expected): Expectation => ({
  title,
  from,
  to,
  protocol: 'UDP',
  port,
  expected,
});
const icmp = (title: string, from: string, to: string, expected: Expected): Expectation => ({
  title,
  from,
  to,
  protocol: 'ICMP',
  port: 0,
  expected,
});

/** Where examples/bookshop has its two halves. */
const shopNode = 'node:node-1';
const officeNode = 'node:node-2';

/** The table, for examples/bookshop. */
export const expectations: readonly Expectation[] = [
  tcp('customers reach the storefront', 'outside', storefront, 8080, allowed),
  tcp('customers do not reach the catalog', 'outside', 'shop/catalog', 9090, ingress(defaultDeny, catalog)),
  tcp('the storefront reads the catalog, by the name of its port', storefront, 'shop/catalog', 9090, allowed),
  tcp('and by its Service, whose port has another number', storefront, 'svc:shop/catalog', 80, allowed),
  tcp('that name is no other port', storefront, 'shop/catalog', 9091, ingress(defaultDeny, catalog)),
  icmp('nor any other protocol', storefront, 'shop/catalog', ingress(defaultDeny, catalog)),
  tcp('the storefront places orders', storefront, 'shop/orders', 8080, allowed),
  tcp('the mailer does not', 'shop/mailer', 'shop/orders', 8080, ingress(orders, defaultDeny)),
  tcp('orders write to the ledger, in the other namespace', 'shop/orders', 'office/ledger', 5432, allowed),
  tcp('and by its Service, on the other node', 'shop/orders', 'svc:office/ledger', 5432, allowed),
  tcp('the storefront does not', storefront, 'office/ledger', 5432, ingress('NetworkPolicy office/ledger')),
  udp('orders speak to nobody else in the cluster', 'shop/orders', 'office/metrics', 8125, egress(orders)),
  tcp('orders reach the payment provider’s addresses', 'shop/orders', 'outside', 443, { verdict: 'allowed', seenAs: 'node' }),
  tcp('on its HTTPS port alone', 'shop/orders', 'outside', 80, egress(orders)),
  tcp('and not the address that the range leaves out', 'shop/orders', ['ip:198.51.100.1', 'ip:2001:db8:ffff::1'], 443, egress(orders)),
  tcp('the mailer reaches the world, as its node', 'shop/mailer', 'outside', 8080, { verdict: 'allowed', seenAs: 'node' }),
  tcp('but not the office', 'shop/mailer', 'office/ledger', 5432, egress(mailer)),
  udp('everybody in the cluster sends measurements', storefront, 'office/metrics', 8125, allowed),
  tcp('reports read the ledger', 'office/reports', 'office/ledger', 5432, allowed),
  tcp(
    'a deny rule keeps them from the metrics',
    'office/reports',
    'office/metrics',
    8080,
    ingress('CiliumNetworkPolicy office/metrics ingressDeny[0]'),
  ),
  tcp('a node reaches every pod of its own, for its probes', officeNode, 'office/ledger', 5432, allowed),
  icmp('with any protocol', shopNode, 'shop/catalog', allowed),
  tcp('but no pod of another node that isn’t open to it', shopNode, 'office/ledger', 5432, ingress('NetworkPolicy office/ledger')),
  tcp('a pod without egress policy reaches its node', storefront, shopNode, 8080, allowed),
  tcp('and the other one, as itself', storefront, officeNode, 8080, allowed),
];
