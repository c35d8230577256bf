import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { decide } from '../decide.ts';
import type { OracleWorld } from '../world.ts';
import { type Scenario, scenarios } from './scenario.ts';

const drawn = scenarios(20261124, 1500, 10);
const decisions = ({ world, flows }: Scenario) => flows.map((flow) => decide(world, flow));
const decided = drawn.flatMap(decisions);

/** The same value without any member of that name, however deep. */
function without(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((member) => without(name, member));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== name);
  return Object.fromEntries(kept.map(([key, member]) => [key, without(name, member)]));
}

function someDecisionChanges(change: (world: OracleWorld) => OracleWorld): boolean {
  const changed = ({ world, flows }: Scenario) => decisions({ world: change(world), flows });
  return drawn.some((one) => JSON.stringify(changed(one)) !== JSON.stringify(decisions(one)));
}

const flows = drawn.flatMap((one) => one.flows.map((flow) => ({ ...one, flow })));

describe('drawn scenarios', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(scenarios(1, 20, 5)).toEqual(scenarios(1, 20, 5));
    expect(scenarios(1, 20, 5)).not.toEqual(scenarios(2, 20, 5));
  });

  it('have 3–8 endpoints in at most 3 namespaces on at most 2 nodes and 1–6 policies of distinct names', () => {
    for (const { world } of drawn) {
      expect(world.endpoints.length >= 3 && world.endpoints.length <= 8).toBe(true);
      expect(new Set(world.endpoints.map(({ namespace }) => namespace)).size).toBeLessThanOrEqual(3);
      expect(world.nodes.length).toBeLessThanOrEqual(2);
      const names = world.policies.map((policy) => (policy as { metadata: { name: string } }).metadata.name);
      expect(names.length >= 1 && names.length <= 6 && new Set(names).size === names.length).toBe(true);
    }
  });

  it('have flows of one family between two ends, with a port unless they are ICMP', () => {
    for (const { flow } of flows) {
      expect(isIP(flow.source.address)).toBe(isIP(flow.destination.address));
      expect(flow.source).not.toEqual(flow.destination);
      expect(flow.port === 0).toBe(flow.protocol.startsWith('ICMP'));
    }
  });

  it('use every kind of policy, end and protocol', () => {
    const kinds = drawn.flatMap(({ world }) => world.policies.map((policy) => (policy as { kind: string }).kind));
    expect(new Set(kinds)).toEqual(new Set(['NetworkPolicy', 'CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy']));
    expect(new Set(flows.map(({ flow }) => flow.protocol)).size).toBe(5);
    const pair = ({ flow }: (typeof flows)[number]) => [flow.source, flow.destination].map((end) => Object.keys(end)[0]).join(' > ');
    expect([...new Set(flows.map(pair))].sort()).toEqual([
      'address > endpoint',
      'endpoint > address',
      'endpoint > endpoint',
      'endpoint > node',
      'node > address',
      'node > endpoint',
    ]);
  });

  it('are forwarded, allowed by a rule, denied at egress and denied at ingress, each often enough to mean something', () => {
    const share = (wanted: (one: (typeof decided)[number]) => boolean) => decided.filter(wanted).length / decided.length;
    expect(share(({ verdict }) => verdict === 'forwarded')).toBeGreaterThan(0.3);
    expect(share(({ verdict, policies }) => verdict === 'forwarded' && policies.length > 0)).toBeGreaterThan(0.05);
    expect(share(({ verdict }) => verdict === 'denied-egress')).toBeGreaterThan(0.1);
    expect(share(({ verdict }) => verdict === 'denied-ingress')).toBeGreaterThan(0.1);
  });

  const selectors = ['matchLabels', 'matchExpressions', 'podSelector', 'namespaceSelector'];
  const peers = [
    'from',
    'to',
    'ipBlock',
    'except',
    ...['from', 'to'].flatMap((side) => ['Endpoints', 'Entities', 'CIDR', 'CIDRSet'].map((list) => side + list)),
  ];
  const ports = ['ports', 'toPorts', 'endPort', 'protocol'];
  const sections = ['ingress', 'egress', 'ingressDeny', 'egressDeny', 'enableDefaultDeny', 'policyTypes', 'specs'];

  it.each([...selectors, ...peers, ...ports, ...sections])('hang on `%s` in some decision', (name) => {
    expect(someDecisionChanges((world) => ({ ...world, policies: without(name, world.policies) as unknown[] }))).toBe(true);
  });

  it.each([
    ['namedPorts', { namedPorts: [] }],
    ['serviceAccount', { serviceAccount: 'somebody' }],
    ['namespaceLabels', { namespaceLabels: {} }],
    ['node', { node: 'elsewhere' }],
  ])('hang on `%s` of endpoints in some decision', (_name, other) => {
    expect(someDecisionChanges((world) => ({ ...world, endpoints: world.endpoints.map((endpoint) => ({ ...endpoint, ...other })) }))).toBe(
      true,
    );
  });
});
