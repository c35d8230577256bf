import { address } from '@myelin/address';
import type { PolicyReference, RuleOrigin } from '@myelin/policy-model';
import type { Decider, FlowNames, PacketEvent } from './packet-event.ts';

export const webPolicy: PolicyReference = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: 'u-web' };
export const denyPolicy: PolicyReference = { kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'no-admin', uid: 'u-deny' };
const rule = (policy: PolicyReference, section: RuleOrigin['section'], ruleIndex: number, specIndex = 0): RuleOrigin => ({
  policy,
  section,
  specIndex,
  ruleIndex,
});

/** Origin numbers of the fixture node. */
export const origins = { webFirst: 1, webDefaultDeny: 2, denySecond: 3, webTwoRules: 4 } as const;

const deciders: Readonly<Record<number, Decider>> = {
  [origins.webFirst]: { kind: 'rules', rules: [rule(webPolicy, 'ingress', 0)] },
  [origins.webDefaultDeny]: { kind: 'default-deny', policies: [webPolicy] },
  [origins.denySecond]: { kind: 'rules', rules: [rule(denyPolicy, 'egressDeny', 1, 2)] },
  [origins.webTwoRules]: {
    kind: 'rules',
    rules: [rule(webPolicy, 'ingress', 0), rule(webPolicy, 'ingress', 3), rule(denyPolicy, 'ingress', 0)],
  },
};

const pods: Readonly<Record<string, { namespace: string; name: string }>> = {
  [address('10.1.0.2').value.toString()]: { namespace: 'shop', name: 'client' },
  [address('10.1.0.3').value.toString()]: { namespace: 'shop', name: 'web' },
};
/** By slot, and by address: what the kernel's tables have. */
const local: Readonly<Record<number, { namespace: string; name: string; identity: number }>> = {
  1: { namespace: 'shop', name: 'client', identity: 300 },
  2: { namespace: 'shop', name: 'web', identity: 301 },
};
const owners: Readonly<Record<string, number>> = {
  [address('10.1.0.2').value.toString()]: 300,
  [address('10.1.0.3').value.toString()]: 301,
  [address('198.51.100.10').value.toString()]: 16777217,
};
const labels: Readonly<Record<number, readonly string[]>> = {
  0: ['reserved:unknown'],
  300: ['k8s:app=client'],
  301: ['k8s:app=web'],
  16777217: ['cidr:198.51.100.0/24', 'reserved:world'],
};

/** A node with two pods, shop/client and shop/web. */
export const names: FlowNames = {
  nodeName: 'n1',
  clusterName: 'default',
  endpoint: ({ value }) => pods[value.toString()] ?? null,
  endpointInSlot: (slot) => local[slot] ?? null,
  service: ({ value }) => (value === address('10.96.0.1').value ? { namespace: 'shop', name: 'checkout' } : null),
  identityOf: ({ value }) => owners[value.toString()] ?? 0,
  labels: (identity) => labels[identity] ?? [],
  decider: (origin) => deciders[origin] ?? null,
  interfaceName: (index) => (index === 7 ? 'my0123456789' : null),
};

/** The first packet of a connection from client to web that the first rule of `web` let in. */
export const newFlow: PacketEvent = {
  kind: 'verdict',
  time: 1_790_000_000_123_456_789n,
  verdict: 1,
  reason: 0,
  direction: null,
  family: 4,
  protocol: 6,
  tcpFlags: 2,
  icmp: null,
  source: { address: address('10.1.0.2'), port: 40000, identity: 300, slot: 1, mac: '02:00:00:00:00:01' },
  destination: { address: address('10.1.0.3'), port: 80, identity: 301, slot: 2, mac: '02:00:00:00:00:02' },
  egressOrigin: 0,
  ingressOrigin: origins.webFirst,
  isReply: false,
  interfaceIndex: 7,
  length: 60,
  repeats: 0,
  packets: 0n,
  bytes: 0n,
};

/** The same connection to another port: nothing opens it. */
export const defaultDenied: PacketEvent = {
  ...newFlow,
  kind: 'drop',
  verdict: 2,
  reason: 133,
  direction: 'ingress',
  destination: { ...newFlow.destination, port: 81 },
  ingressOrigin: origins.webDefaultDeny,
};

const outside: PacketEvent['destination'] = { ...newFlow.destination, address: address('198.51.100.10'), port: 443, identity: 0, slot: 0 };
const wholeFlow: Partial<PacketEvent> = { tcpFlags: 0, packets: 12n, bytes: 3400n, interfaceIndex: 0 };

/** One of each kind of event that flows are made of. */
export const oneOfEach: readonly PacketEvent[] = [
  newFlow,
  defaultDenied,
  { ...defaultDenied, repeats: 3, packets: 4n, bytes: 240n },
  { ...defaultDenied, reason: 181, direction: 'egress', egressOrigin: origins.denySecond, ingressOrigin: 0 },
  {
    ...defaultDenied,
    source: newFlow.destination,
    destination: newFlow.source,
    direction: 'egress',
    egressOrigin: origins.webDefaultDeny,
    ingressOrigin: 0,
    isReply: true,
  },
  { ...newFlow, verdict: 4, reason: 133, direction: 'ingress', ingressOrigin: origins.webDefaultDeny },
  { ...newFlow, protocol: 17, tcpFlags: 0, ingressOrigin: origins.webTwoRules },
  { ...newFlow, destination: { ...outside, identity: 16777217 }, ingressOrigin: 0 },
  {
    ...newFlow,
    family: 6,
    protocol: 58,
    icmp: { type: 128, code: 0 },
    source: { ...newFlow.source, address: address('fd00::2'), port: 0 },
    destination: { ...newFlow.destination, address: address('fd00::3'), port: 0 },
  },
  { ...newFlow, ...wholeFlow, kind: 'close' },
  { ...newFlow, ...wholeFlow, kind: 'close', source: newFlow.destination, destination: newFlow.source, isReply: true },
  { ...defaultDenied, reason: 139, direction: 'egress', family: 0, protocol: 0, ingressOrigin: 0, isReply: null },
  { ...defaultDenied, reason: 130, direction: 'egress', ingressOrigin: 0, isReply: null },
  {
    ...defaultDenied,
    reason: 132,
    direction: 'egress',
    source: { ...newFlow.source, address: address('10.1.0.3') },
    destination: outside,
    ingressOrigin: 0,
    isReply: null,
  },
  { ...defaultDenied, reason: 250 },
];
