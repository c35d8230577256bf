import { DropReason, Flow, TrafficDirection, Verdict } from '@myelin/contracts/flow';
import { extensionType } from '@myelin/flow-api';
import { describe, expect, it } from 'vitest';
import { formatFlow } from './flow.ts';

const policy = (name: string, ...rules: string[]) => ({
  kind: 'NetworkPolicy',
  namespace: 'shop',
  name,
  labels: ['uid=1', ...rules.map((rule) => `rule=${rule}`)],
});
const base = {
  time: { seconds: 1_800_000_000n, nanos: 123_000_000 },
  IP: { source: '10.0.0.1', destination: '10.0.0.2' },
  l4: { protocol: { $case: 'TCP' as const, value: { sourcePort: 4000, destinationPort: 80, flags: { SYN: true } } } },
  isReply: false,
  source: { identity: 300, namespace: 'shop', podName: 'web', labels: ['k8s:app=web'] },
  destination: { identity: 301, namespace: 'shop', podName: 'db', labels: ['k8s:app=db'] },
};

describe('formatFlow', () => {
  it('names both ends and every rule that allowed', () => {
    const flow = Flow.fromPartial({ ...base, verdict: Verdict.FORWARDED, ingressAllowedBy: [policy('db', 'ingress[0]', 'ingress[2]')] });
    expect(formatFlow(flow, 'n1')).toBe(
      '08:00:00.123 [n1] FORWARDED shop/web 10.0.0.1:4000 (ID:300) -> shop/db 10.0.0.2:80 (ID:301) TCP SYN: allowed by ingress NetworkPolicy shop/db ingress[0] ingress[2]',
    );
  });

  it('names the Service that was asked where nobody else is at that end', () => {
    const asked = { destination: { identity: 0, labels: [] }, destinationService: { namespace: 'shop', name: 'checkout' } };
    const dropped = {
      verdict: Verdict.DROPPED,
      dropReasonDesc: DropReason.SERVICE_BACKEND_NOT_FOUND,
      trafficDirection: TrafficDirection.EGRESS,
    };
    const flow = Flow.fromPartial({ ...base, ...dropped, ...asked, IP: { source: '10.0.0.1', destination: '10.96.0.1' } });
    expect(formatFlow(flow, 'n1')).toContain(
      'shop/web 10.0.0.1:4000 (ID:300) -> Service shop/checkout 10.96.0.1:80 TCP SYN: service backend not found (egress)',
    );
  });

  it('names the policies behind a default deny', () => {
    const value = Buffer.from(Flow.encode(Flow.fromPartial({ ingressDeniedBy: [policy('default-deny')] })).finish());
    const dropped = { verdict: Verdict.DROPPED, dropReasonDesc: DropReason.POLICY_DENIED, trafficDirection: TrafficDirection.INGRESS };
    const flow = Flow.fromPartial({ ...base, ...dropped, extensions: { typeUrl: extensionType, value } });
    expect(formatFlow(flow, 'n1')).toContain('TCP SYN: policy denied (ingress) by default deny of NetworkPolicy shop/default-deny');
  });

  it('points the arrow as the flow was opened: a denied reply reads as the flow whose policy denies it', () => {
    const denied = { verdict: Verdict.DROPPED, dropReasonDesc: DropReason.POLICY_DENY, trafficDirection: TrafficDirection.INGRESS };
    const flow = Flow.fromPartial({ ...base, ...denied, isReply: true, ingressDeniedBy: [policy('no-db', 'ingressDeny[0]')] });
    expect(formatFlow(flow, 'n1')).toContain(
      'shop/db 10.0.0.2:80 (ID:301) <- shop/web 10.0.0.1:4000 (ID:300) TCP SYN: policy deny (ingress) by',
    );
    expect(formatFlow(Flow.fromPartial({ ...base, ...denied, isReply: undefined }), 'n1')).toContain(' <> ');
  });

  it('says how many more packets a line stands for', () => {
    const dropped = {
      verdict: Verdict.DROPPED,
      dropReasonDesc: DropReason.INVALID_SOURCE_IP,
      Summary: 'TCP Flags: SYN (and 41 more like it)',
    };
    expect(formatFlow(Flow.fromPartial({ ...base, ...dropped }), 'n1')).toMatch(/: invalid source ip \(ingress\) \(and 41 more like it\)$/);
  });

  it('names the rule that denied', () => {
    const dropped = { verdict: Verdict.DROPPED, dropReasonDesc: DropReason.POLICY_DENY, trafficDirection: TrafficDirection.EGRESS };
    const flow = Flow.fromPartial({ ...base, ...dropped, egressDeniedBy: [policy('no-db', 'egressDeny[0]')] });
    expect(formatFlow(flow, 'n1')).toContain(': policy deny (egress) by NetworkPolicy shop/no-db egressDeny[0]');
  });

  it('shows an end outside by address and prefix', () => {
    const flow = Flow.fromPartial({
      ...base,
      IP: { source: '10.0.0.1', destination: '2001:db8::1' },
      destination: { identity: 16777217, labels: ['cidr:2001:db8::/32', 'reserved:world'] },
    });
    expect(formatFlow(flow, 'n1')).toContain('-> [2001:db8::1]:80 (cidr:2001:db8::/32)');
  });
});
