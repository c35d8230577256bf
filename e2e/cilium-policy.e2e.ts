import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, ciliumPolicy, clusterwidePolicy, namespace, networkPolicy, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const ports = [80, 81, { containerPort: 53, protocol: 'UDP' as const }];
const outside = ['198.51.100.10/32', '2001:db8:ffff::10/128'];
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red', { team: 'red' }),
    namespace('blue', { team: 'blue' }),
    pod('red/server', { ports }),
    pod('red/client', { ports }),
    pod('blue/client', { ports }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

describe('CiliumNetworkPolicy', () => {
  it('is confined to its namespace unless a peer names another', async () => {
    const policy = ciliumPolicy('red/peers', {
      endpointSelector: app('server'),
      ingress: [
        { fromEndpoints: [{}], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] },
        {
          fromEndpoints: [{ matchLabels: { 'k8s:io.kubernetes.pod.namespace': 'blue' } }],
          toPorts: [{ ports: [{ port: '53', protocol: 'UDP' }] }],
        },
      ],
    });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'red/client -> red/server UDP 53': 'timeout',
      'blue/client -> red/server UDP 53': 'reply',
      'blue/client -> red/server TCP 80': 'timeout',
      'outside -> red/server TCP 80': 'timeout',
      'node:node-1 -> red/server TCP 81': 'reply',
    });
    await lab.delete(policy);
  });

  it('isolates and allows nobody by an empty rule, and touches no other direction', async () => {
    const policy = ciliumPolicy('red/nobody', { endpointSelector: app('server'), ingress: [{}] });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'timeout',
      'outside -> red/server ICMP': 'timeout',
      'red/server -> red/client TCP 80': 'reply',
    });
    await lab.delete(policy);
  });

  it('knows entities: world, cluster, host', async () => {
    const allow = (toEntities: string[]) => ciliumPolicy('red/entities', { endpointSelector: app('client'), egress: [{ toEntities }] });
    const lines = (world: 'reply' | 'timeout', cluster: 'reply' | 'timeout', host: 'reply' | 'timeout') =>
      expectProbes(lab, {
        'red/client -> outside TCP 80': world,
        'red/client -> blue/client ICMP': cluster,
        'red/client -> node:node-1 UDP 8080': host,
      });
    await lab.apply(allow(['world']));
    await lines('reply', 'timeout', 'timeout');
    await lab.apply(allow(['host']));
    await lines('timeout', 'timeout', 'reply');
    await lab.apply(allow(['cluster']));
    await lines('timeout', 'reply', 'reply');
    await lab.delete(allow(['cluster']));
  });

  it('matches prefixes outside the cluster alone, and leaves out what except names', async () => {
    const everything = [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }];
    const policy = (toCIDRSet: object[]) => ciliumPolicy('red/prefixes', { endpointSelector: app('client'), egress: [{ toCIDRSet }] });
    await lab.apply(policy(everything));
    await expectProbes(lab, {
      'red/client -> outside UDP 443': 'reply',
      'red/client -> red/server TCP 80': 'timeout',
      'red/client -> node:node-1 TCP 8080': 'timeout',
    });
    await lab.apply(policy(everything.map(({ cidr }, index) => ({ cidr, except: [outside[index]!] }))));
    await expectProbes(lab, { 'red/client -> outside UDP 443': 'timeout' });
    await lab.delete(policy(everything));
  });

  it('lets a deny rule beat every allow, another policy’s and another kind’s, and the node’s privilege', async () => {
    const policies = [
      networkPolicy('red/open', { podSelector: app('server'), ingress: [{}] }),
      ciliumPolicy('red/deny', {
        endpointSelector: app('server'),
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [
          { fromEndpoints: [app('client')] },
          { fromEntities: ['host'], toPorts: [{ ports: [{ port: '81', protocol: 'TCP' }] }] },
        ],
      }),
    ];
    await lab.apply(...policies);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'timeout',
      'red/client -> red/server ICMP': 'timeout',
      'blue/client -> red/server TCP 80': 'reply',
      'outside -> red/server TCP 81': 'reply',
      'node:node-1 -> red/server TCP 81': 'timeout',
      'node:node-1 -> red/server TCP 80': 'reply',
    });
    await lab.delete(...policies);
  });
});

describe('CiliumClusterwideNetworkPolicy', () => {
  it('selects pods of every namespace', async () => {
    const policy = clusterwidePolicy('clients', { endpointSelector: app('client'), egress: [{ toEndpoints: [app('server')] }] });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'blue/client -> red/server UDP 53': 'reply',
      'blue/client -> red/client TCP 80': 'timeout',
      'red/client -> outside TCP 80': 'timeout',
      'red/server -> outside TCP 80': 'reply',
    });
    await lab.delete(policy);
  });
});
