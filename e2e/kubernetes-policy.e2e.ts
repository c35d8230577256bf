import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const named = [{ name: 'web', containerPort: 80 }, { containerPort: 81 }, { name: 'dns', containerPort: 53, protocol: 'UDP' }] as const;
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red', { team: 'red' }),
    namespace('blue', { team: 'blue' }),
    pod('red/server', { ports: named }),
    pod('red/client'),
    pod('red/other'),
    pod('blue/client'),
    // Here the same name stands for another number.
    pod('blue/server', { ports: [{ name: 'web', containerPort: 8000 }, 80] }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

describe('Kubernetes NetworkPolicy', () => {
  it('leaves everything open where there is none: between pods, with the node and with the outside, TCP, UDP and ICMP', async () => {
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'red/client -> red/server UDP 53': 'reply',
      'red/client -> blue/client ICMP': 'reply',
      'red/client -> outside UDP 443': 'reply',
      'outside -> red/server TCP 80': 'reply',
      'outside -> red/server ICMP': 'reply',
      'node:node-1 -> red/server UDP 53': 'reply',
      'red/client -> node:node-1 TCP 8080': 'reply',
      'red/client -> node:node-1 ICMP': 'reply',
      'red/client -> red/server TCP 99': 'refused',
      'red/client -> red/server UDP 99': 'refused',
    });
  });

  it('isolates by itself: no rule, no peer, but the node', async () => {
    const policy = networkPolicy('red/deny', { podSelector: app('server') });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'timeout',
      'red/client -> red/server ICMP': 'timeout',
      'blue/client -> red/server UDP 53': 'timeout',
      'outside -> red/server TCP 80': 'timeout',
      'node:node-1 -> red/server TCP 80': 'reply',
      'red/server -> red/client TCP 80': 'reply',
      'red/client -> red/other TCP 80': 'reply',
    });
    await lab.delete(policy);
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'outside -> red/server UDP 53': 'reply' });
  });

  it('selects peers by pod, by namespace and by both, on ports by number, name and range', async () => {
    const policies = [
      networkPolicy('red/by-pod', {
        podSelector: app('server'),
        ingress: [{ from: [{ podSelector: app('client') }], ports: [{ port: 'web' }] }],
      }),
      networkPolicy('red/by-both', {
        podSelector: app('server'),
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { team: 'blue' } }, podSelector: app('client') }],
            ports: [{ port: 50, endPort: 60, protocol: 'UDP' }],
          },
        ],
      }),
    ];
    await lab.apply(...policies);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'red/client -> red/server TCP 81': 'timeout',
      'red/client -> red/server UDP 53': 'timeout',
      'red/other -> red/server TCP 80': 'timeout',
      'blue/client -> red/server UDP 53': 'reply',
      'blue/client -> red/server TCP 80': 'timeout',
      'blue/server -> red/server UDP 53': 'timeout',
    });
    await lab.delete(...policies);
  });

  it('isolates egress, and takes a named port for the number that each peer gives it', async () => {
    const policy = networkPolicy('red/egress', {
      podSelector: app('client'),
      policyTypes: ['Egress'],
      egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: 'web' }] }],
    });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'red/client -> blue/server TCP 8000': 'reply',
      'red/client -> blue/server TCP 80': 'timeout',
      'red/client -> outside TCP 80': 'timeout',
      'red/client -> node:node-1 TCP 8080': 'timeout',
      'red/other -> red/client TCP 80': 'reply',
    });
    await lab.delete(policy);
  });

  it('matches ipBlock by address, pods included, and leaves out what except names', async () => {
    const { pods } = await lab.status();
    const [four, six] = pods.find(({ namespace: space, name }) => space === 'blue' && name === 'client')!.addresses;
    const policy = networkPolicy('red/blocks', {
      podSelector: app('server'),
      ingress: [
        {
          from: [
            { ipBlock: { cidr: '10.0.0.0/8', except: [`${four}/32`] } },
            { ipBlock: { cidr: 'fd00::/8', except: [`${six}/128`] } },
            { ipBlock: { cidr: '198.51.100.10/32' } },
            { ipBlock: { cidr: '2001:db8:ffff::10/128' } },
          ],
        },
      ],
    });
    await lab.apply(policy);
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'blue/server -> red/server ICMP': 'reply',
      'blue/client -> red/server TCP 80': 'timeout',
      'outside -> red/server UDP 53': 'reply',
    });
    await lab.delete(policy);
  });
});

describe('a story that finds something else than it expects', () => {
  it('tells what the lab knows of it: who dropped what and why, states, addresses, ways, in a page', async () => {
    const policy = networkPolicy('red/deny', { podSelector: app('server') });
    await lab.apply(policy);
    const error: Error = await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply' }).then(
      () => expect.unreachable(),
      (found: Error) => found,
    );
    expect(error.message).toMatch(/red\/client → red\/server TCP 80 \(10\.\S+ → 10\.\S+, from port \d+\): timeout/);
    expect(error.message).toMatch(/event of node-1: .* DROPPED .*POLICY_DENIED: default deny of NetworkPolicy red\/deny/);
    expect(error.message).toMatch(/whois 10\S+: \d+, red\/server on node-1/);
    expect(error.message).toMatch(/kernel of node-1: 10\S+ is identity \d+, its own slot \d/);
    expect(error.message).toMatch(/way: red\/client: \S+ via \S+ dev eth0 .*; neighbour \S+ dev eth0 lladdr/);
    expect(error.message).toMatch(/red\/server on node-1: ready, identity \d+, .*; kernel: identity \d+ \(applied\), policy of \d+, ready/);
    expect(error.message).toMatch(/node-1: ready; applied policies \d+\.\d+, .*\n +dropped since it began: .*ingress Policy denied \d/);
    expect(error.message).toMatch(/node-1('s agent|: its agent has warned of nothing)/);
    expect(error.message).not.toMatch(/ENOENT|no answer within/);
    expect(error.message.split('\n').length).toBeLessThan(80);
    await lab.delete(policy);
  });
});
