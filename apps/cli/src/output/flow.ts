import { DropReason, type Endpoint, type Flow, type Policy, TrafficDirection, Verdict } from '@myelin/contracts/flow';

const verdictNames = new Map<number, string>(Object.entries(Verdict).map(([name, number]) => [number, name]));
const reasonNames = new Map<number, string>(
  Object.entries(DropReason).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', ' ')]),
);

/** One flow as a line for people: time, verdict, both ends with identity, protocol, and who decided. Shape: `hubble observe --output compact`. */
export function formatFlow(flow: Flow, nodeName: string): string {
  const time =
    flow.time === undefined
      ? ''
      : new Date(Number(flow.time.seconds) * 1000 + Math.floor(flow.time.nanos / 1e6)).toISOString().slice(11, 23);
  const ends = `${formatEnd(flow.source, flow.IP?.source, ports(flow)[0])} ${arrow(flow)} ${formatEnd(flow.destination, flow.IP?.destination, ports(flow)[1])}`;
  return `${time} [${nodeName}] ${verdictNames.get(flow.verdict) ?? flow.verdict} ${ends} ${protocol(flow)}${decided(flow)}`.trimEnd();
}

const arrow = (flow: Flow) => (flow.verdict === Verdict.DROPPED ? '<>' : flow.isReply === true ? '<-' : '->');

function formatEnd(end: Endpoint | undefined, address: string | undefined, port: number | undefined): string {
  const where = port === undefined ? (address ?? '?') : `${address?.includes(':') ? `[${address}]` : (address ?? '?')}:${port}`;
  const name = end?.podName ? `${end.namespace}/${end.podName} ` : '';
  return `${name}${where} (${identityName(end)})`;
}

function identityName(end: Endpoint | undefined): string {
  const reserved = end?.labels.find((label) => label.startsWith('reserved:'));
  if (reserved !== undefined) return reserved;
  const prefix = end?.labels.find((label) => label.startsWith('cidr:'));
  return prefix === undefined ? `ID:${end?.identity ?? 0}` : `${prefix} ID:${end?.identity}`;
}

function ports(flow: Flow): readonly [number | undefined, number | undefined] {
  const part = flow.l4?.protocol;
  return part?.$case === 'TCP' || part?.$case === 'UDP' || part?.$case === 'SCTP'
    ? [part.value.sourcePort, part.value.destinationPort]
    : [undefined, undefined];
}

function protocol(flow: Flow): string {
  const part = flow.l4?.protocol;
  if (part === undefined) return '';
  if (part.$case === 'ICMPv4' || part.$case === 'ICMPv6') return `${part.$case} type ${part.value.type} code ${part.value.code}`;
  if (part.$case !== 'TCP' || part.value.flags === undefined) return part.$case;
  const flags = Object.entries(part.value.flags)
    .filter(([, set]) => set === true)
    .map(([name]) => name);
  return `TCP ${flags.join(',')}`.trimEnd();
}

function decided(flow: Flow): string {
  const at = flow.trafficDirection === TrafficDirection.EGRESS ? 'egress' : 'ingress';
  if (flow.verdict === Verdict.DROPPED || flow.verdict === Verdict.AUDIT) {
    const rules = [...flow.egressDeniedBy, ...flow.ingressDeniedBy];
    const by = rules.length > 0 ? ` by ${rules.map(formatPolicy).join(', ')}` : '';
    return `: ${dropReason(flow.dropReasonDesc)} (${at})${by}`;
  }
  const allowed = [
    ...flow.egressAllowedBy.map((rule) => `egress ${formatPolicy(rule)}`),
    ...flow.ingressAllowedBy.map((rule) => `ingress ${formatPolicy(rule)}`),
  ];
  return allowed.length > 0 ? `: allowed by ${allowed.join(', ')}` : '';
}

const dropReason = (reason: DropReason) => reasonNames.get(reason) ?? `reason ${reason}`;

function formatPolicy(policy: Policy): string {
  const rule = policy.labels.find((label) => label.startsWith('rule='));
  const name = policy.namespace === '' ? policy.name : `${policy.namespace}/${policy.name}`;
  return `${policy.kind} ${name}${rule === undefined ? '' : ` ${rule.slice('rule='.length)}`}`.trim();
}
