import { readFileSync } from 'node:fs';
import { Flow } from '@myelin/contracts/flow';
import { describe, expect, it } from 'vitest';
import { flowOf } from './flow.ts';
import { flowJson, flowLine, timestampText } from './json.ts';
import type { PacketEvent } from './packet-event.ts';
import { defaultDenied, names, newFlow, oneOfEach } from './shop.fixture.ts';

describe('flowJson', () => {
  it('writes proto field names, enum names and nothing that is at its default', () => {
    expect(flowJson(flowOf(newFlow, names))).toEqual({
      time: '2026-09-21T14:13:20.123456789Z',
      verdict: 'FORWARDED',
      ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
      IP: { source: '10.1.0.2', destination: '10.1.0.3', ipVersion: 'IPv4' },
      l4: { TCP: { source_port: 40000, destination_port: 80, flags: { SYN: true } } },
      source: { ID: 1, identity: 300, cluster_name: 'default', namespace: 'shop', labels: ['k8s:app=client'], pod_name: 'client' },
      destination: { ID: 2, identity: 301, cluster_name: 'default', namespace: 'shop', labels: ['k8s:app=web'], pod_name: 'web' },
      Type: 'L3_L4',
      node_name: 'n1',
      event_type: { type: 5 },
      traffic_direction: 'EGRESS',
      is_reply: false,
      interface: { index: 7, name: 'my0123456789' },
      Summary: 'TCP Flags: SYN',
      ingress_allowed_by: [{ name: 'web', namespace: 'shop', labels: ['uid=u-web', 'rule=ingress[0]'], kind: 'NetworkPolicy' }],
    });
  });
  it('shows the default deny as the message in its Any', () => {
    expect(flowJson(flowOf(defaultDenied, names))).toMatchObject({
      verdict: 'DROPPED',
      drop_reason: 133,
      drop_reason_desc: 'POLICY_DENIED',
      event_type: { type: 1, sub_type: 133 },
      traffic_direction: 'INGRESS',
      extensions: {
        '@type': 'type.googleapis.com/flow.Flow',
        ingress_denied_by: [{ name: 'web', namespace: 'shop', labels: ['uid=u-web'], kind: 'NetworkPolicy' }],
      },
    });
  });
  it('writes 64-bit numbers as strings and unknown enum values as numbers', () => {
    const flow = Flow.fromPartial({ verdict: 99 as never, egressDeniedBy: [{ name: 'p', revision: 12345678901234567890n }] });
    expect(flowJson(flow)).toEqual({ verdict: 99, egress_denied_by: [{ name: 'p', revision: '12345678901234567890' }] });
  });
  it('says the same after a trip over the wire', () => {
    const flow = flowOf(defaultDenied, names);
    expect(flowJson(Flow.decode(Flow.encode(flow).finish()))).toEqual(flowJson(flow));
  });
});

describe('flowLine', () => {
  it('has flow, node_name and time in this order', () => {
    const flow = flowOf(newFlow, names);
    const line = flowLine({ flow, nodeName: 'n1', time: flow.time });
    expect(Object.keys(JSON.parse(line))).toEqual(['flow', 'node_name', 'time']);
    expect(line).toMatch(/"node_name":"n1","time":"2026-09-21T14:13:20.123456789Z"\}$/);
  });
});

describe('the stock client', () => {
  const line = (event: PacketEvent) => {
    const flow = flowOf(event, names);
    return `${flowLine({ flow, nodeName: 'n1', time: flow.time })}\n`;
  };
  it('has read every kind of flow and printed it to the very byte as it was written', () => {
    const printed = readFileSync(new URL('../testdata/hubble-1.18.2.jsonl', import.meta.url), 'utf8');
    expect(oneOfEach.map(line).join('')).toBe(printed);
  });
});

describe('timestampText', () => {
  it.each([
    [0, '1970-01-01T00:00:01Z'],
    [500_000_000, '1970-01-01T00:00:01.500Z'],
    [1_000, '1970-01-01T00:00:01.000001Z'],
    [1, '1970-01-01T00:00:01.000000001Z'],
  ])('writes %i ns with as many groups of three decimals as there are', (nanos, text) => {
    expect(timestampText({ seconds: 1n, nanos })).toBe(text);
  });
});
