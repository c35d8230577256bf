import { type Address, address } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { deniedByDefault } from './deciders.ts';
import { flowOf, remark } from './flow.ts';
import { flowJson } from './json.ts';
import type { PacketEnd, PacketEvent } from './packet-event.ts';
import { defaultDenied, names, newFlow, origins } from './shop.fixture.ts';

const policyNames = (policies: readonly { kind: string; namespace: string; name: string }[]) =>
  policies.map((p) => `${p.kind} ${p.namespace}/${p.name}`);

const outside = address('198.51.100.10');
/** An end that the kernel didn't look up. */
const unseen = (of: Address): PacketEnd => ({ ...newFlow.source, address: of, identity: 0, slot: 0 });

describe('flowOf', () => {
  it('names both ends of a new flow and the rule that let it in', () => {
    const flow = flowOf(newFlow, names);
    expect(flow.source).toMatchObject({
      ID: 1,
      identity: 300,
      namespace: 'shop',
      podName: 'client',
      labels: ['k8s:app=client'],
      clusterName: 'default',
    });
    expect(flow.destination).toMatchObject({ namespace: 'shop', podName: 'web' });
    expect(flow.eventType).toEqual({ type: 5, subType: 0 });
    expect(flow.ingressAllowedBy).toEqual([
      { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', labels: ['uid=u-web', 'rule=ingress[0]'], revision: 0n },
    ]);
    expect([flow.egressAllowedBy, flow.ingressDeniedBy, flow.egressDeniedBy, flow.extensions]).toEqual([[], [], [], undefined]);
  });
  it('names the Service whose address was asked, which is nobody’s: not the world’s either', () => {
    const asked = unseen(address('10.96.0.1'));
    const flow = flowOf(
      { ...newFlow, kind: 'drop', verdict: 2, reason: 158, direction: 'egress', destination: asked },
      {
        ...names,
        identityOf: () => 2,
      },
    );
    expect(flow.destinationService).toEqual({ namespace: 'shop', name: 'checkout' });
    expect(flow.destination).toMatchObject({ identity: 0, podName: '' });
    expect(flow.sourceService).toBeUndefined();
    expect(flowJson(flow)).toMatchObject({ destination_service: { name: 'checkout', namespace: 'shop' } });
    expect(flowOf(newFlow, names).destinationService).toBeUndefined();
  });
  it('names the policies behind a default deny in extensions, and no rule', () => {
    const flow = flowOf(defaultDenied, names);
    expect(flow).toMatchObject({
      verdict: 2,
      dropReason: 133,
      dropReasonDesc: 133,
      trafficDirection: 1,
      eventType: { type: 1, subType: 133 },
    });
    expect([...flow.ingressAllowedBy, ...flow.ingressDeniedBy, ...flow.egressDeniedBy]).toEqual([]);
    expect(policyNames(deniedByDefault(flow).ingress)).toEqual(['NetworkPolicy shop/web']);
    expect(deniedByDefault(flow).egress).toEqual([]);
  });
  it('names a deny rule at the end that dropped, with spec and rule', () => {
    const flow = flowOf(
      { ...newFlow, kind: 'drop', verdict: 2, reason: 181, direction: 'egress', egressOrigin: origins.denySecond, ingressOrigin: 0 },
      names,
    );
    expect(flow.egressDeniedBy.map((policy) => policy.labels)).toEqual([['uid=u-deny', 'rule=specs[2].egressDeny[1]']]);
    expect(flow.trafficDirection).toBe(2);
  });
  it('keeps what the source allowed when the destination dropped', () => {
    const flow = flowOf({ ...defaultDenied, egressOrigin: origins.webFirst }, names);
    expect(policyNames(flow.egressAllowedBy)).toEqual(['NetworkPolicy shop/web']);
  });
  it('gathers the rules of one policy in one entry', () => {
    const flow = flowOf({ ...newFlow, ingressOrigin: origins.webTwoRules }, names);
    expect(flow.ingressAllowedBy.map((policy) => policy.labels.slice(1))).toEqual([
      ['rule=ingress[0]', 'rule=ingress[3]'],
      ['rule=ingress[0]'],
    ]);
  });
  it('never shows a node-local number: the prefix stands in the labels', () => {
    const outside = { ...newFlow.source, address: address('198.51.100.10'), identity: 16777217, slot: 0 };
    const flow = flowOf({ ...newFlow, source: outside }, names);
    expect(flow.source).toMatchObject({ identity: 2, labels: ['cidr:198.51.100.0/24', 'reserved:world'], podName: '' });
    expect(flow.trafficDirection).toBe(1);
  });
  it('says in the summary how often a drop was repeated, and how much a closed flow carried', () => {
    const repeated = flowOf({ ...defaultDenied, repeats: 3 }, names);
    expect(repeated.Summary).toBe('TCP Flags: SYN (and 3 more like it)');
    expect([remark(repeated), remark(flowOf(newFlow, names))]).toEqual(['and 3 more like it', '']);
    const closed = flowOf({ ...newFlow, kind: 'close', tcpFlags: 0x11, packets: 12n, bytes: 3400n }, names);
    expect(closed.Summary).toBe('TCP Flags: FIN, ACK (closed after 12 packets, 3400 bytes)');
    expect(closed).toMatchObject({ verdict: 1, eventType: { type: 4, subType: 0 }, traceObservationPoint: 101 });
  });
  it('shows a denied reply as one, with direction and denier of the flow that it belongs to', () => {
    const [source, destination] = [newFlow.destination, newFlow.source];
    const reply: PacketEvent = {
      ...defaultDenied,
      source,
      destination,
      direction: 'egress',
      isReply: true,
      ...{ egressOrigin: 2, ingressOrigin: 0 },
    };
    const flow = flowOf(reply, names);
    expect(flow).toMatchObject({
      isReply: true,
      reply: true,
      trafficDirection: 2,
      source: { podName: 'web' },
      destination: { podName: 'client' },
    });
    expect(policyNames(deniedByDefault(flow).egress)).toEqual(['NetworkPolicy shop/web']);
    expect(deniedByDefault(flow).ingress).toEqual([]);
  });
  it('gives the replies of a closed flow the direction of the flow', () => {
    const close: PacketEvent = { ...newFlow, kind: 'close', packets: 1n, bytes: 60n };
    const [source, destination] = [newFlow.destination, newFlow.source];
    expect(flowOf(close, names)).toMatchObject({ trafficDirection: 2, traceReason: 2 });
    expect(flowOf({ ...close, source, destination: { ...destination, slot: 0 }, isReply: true }, names)).toMatchObject({
      trafficDirection: 1,
      traceReason: 3,
    });
  });
  it('shows a forged packet as its sender, with the address that it claims: the victim is not its source', () => {
    const source = { ...newFlow.source, address: newFlow.destination.address };
    const forged: PacketEvent = { ...defaultDenied, reason: 132, direction: 'egress', source, destination: unseen(outside), isReply: null };
    const flow = flowOf(forged, names);
    expect(flow.source).toMatchObject({ ID: 1, identity: 300, podName: 'client', labels: ['k8s:app=client'] });
    expect(flow.IP).toMatchObject({ source: '10.1.0.3' });
    expect(flow.isReply).toBeUndefined();
  });
  it('shows a forged packet from outside this node’s pods as unknown: whoever sent it, not the one that has the address', () => {
    const forged: PacketEvent = { ...defaultDenied, reason: 132, source: unseen(newFlow.source.address) };
    const flow = flowOf(forged, names);
    expect(flow.source).toMatchObject({ ID: 0, identity: 0, podName: '', namespace: '', labels: ['reserved:unknown'] });
    expect(flow.IP).toMatchObject({ source: '10.1.0.2' });
    expect(flow.destination).toMatchObject({ podName: 'web' });
  });
  it('names the far end of an early drop by its address: a pod, a prefix outside, or nobody', () => {
    const to = (text: string) => flowOf({ ...defaultDenied, reason: 134, destination: unseen(address(text)) }, names).destination;
    expect(to('10.1.0.3')).toMatchObject({ identity: 301, podName: 'web', labels: ['k8s:app=web'] });
    expect(to('198.51.100.10')).toMatchObject({ identity: 2, labels: ['cidr:198.51.100.0/24', 'reserved:world'] });
    expect(to('10.1.0.99')).toMatchObject({ identity: 0, podName: '', labels: ['reserved:unknown'] });
  });
  it('keeps the identity that the kernel decided with, though the address has another one by now', () => {
    const before = { ...newFlow.destination, slot: 0, identity: 300 };
    expect(flowOf({ ...newFlow, destination: before }, names).destination).toMatchObject({ identity: 300, labels: ['k8s:app=client'] });
  });
  it('names a pod of this node whose packet was dropped before it had an identity', () => {
    const flow = flowOf({ ...defaultDenied, reason: 203, source: { ...newFlow.source, identity: 0 } }, names);
    expect(flow.source).toMatchObject({ identity: 300, podName: 'client' });
  });
  it('leaves addresses and transport out of a packet that is not IP', () => {
    const flow = flowOf({ ...defaultDenied, family: 0, reason: 139, direction: 'egress', ingressOrigin: 0 }, names);
    expect([flow.IP, flow.l4, flow.source?.podName, flow.Summary]).toEqual([undefined, undefined, 'client', 'Ethernet']);
    expect(flow.ethernet).toEqual({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' });
  });
  it('leaves flags and hardware addresses out of what is told of a whole flow', () => {
    const end = (of: typeof newFlow.source) => ({ ...of, mac: '' });
    const flow = flowOf({ ...defaultDenied, tcpFlags: 0, source: end(newFlow.source), destination: end(newFlow.destination) }, names);
    expect([flow.Summary, flow.ethernet]).toEqual(['TCP', undefined]);
  });
  it('keeps the number of a reason that upstream does not know', () => {
    expect(flowOf({ ...defaultDenied, reason: 250 }, names)).toMatchObject({ dropReason: 250, dropReasonDesc: 0 });
  });
  it('reads ICMP type and code', () => {
    const flow = flowOf({ ...newFlow, protocol: 58, icmp: { type: 128, code: 0 }, family: 6 }, names);
    expect(flow.l4?.protocol).toEqual({ $case: 'ICMPv6', value: { type: 128, code: 0 } });
    expect(flow.Summary).toBe('ICMPv6 EchoRequest');
    expect(flowOf({ ...newFlow, protocol: 1, icmp: { type: 3, code: 4 } }, names).Summary).toBe('ICMPv4 DestinationUnreachable(4)');
    expect(flowOf({ ...newFlow, protocol: 1, icmp: null }, names).Summary).toBe('ICMPv4');
  });
});
