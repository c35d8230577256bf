import { DropReason, type Endpoint, type Flow, type Policy, type Service, TrafficDirection, Verdict } from '@myelin/contracts/flow';
import { deniedByDefault, remark } from '@myelin/flow-api';

const verdictNames = new Map<number, string>(Object.entries(Verdict).map(([name, number]) => [number, name]));
const reasonNames = new Map<number, string>(
  Object.entries(DropReason).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', ' ')]),
);

/**
 * One flow as a line for people: time, verdict, both ends with identity, protocol, who decided, and what the record stands for besides. Shape: `hubble observe --output compact`, whose arrow points
 * from who opened the flow to who was asked; `<-` a reply; `<>` not known.
 */
export function formatFlow(flow: Flow, nodeName: string): string {
  const time =
    flow.time === undefined
      ? ''
      : new Date(Number(flow.time.seconds) * 1000 + Math.floor(flow.time.nanos / 1e6)).toISOString().slice(11, 23);
  const about = remark(flow);
  const words = `${protocol(flow)}${decided(flow)}${about === '' ? '' : ` (${about})`}`;
  return `${time} [${nodeName}] ${verdictNames.get(flow.verdict) ?? flow.verdict} ${ends(flow)} ${words}`.trimEnd();
}

function ends(flow: Flow): string {
  const source = formatEnd(flow.source, flow.sourceService, flow.IP?.source, ports(flow)[0]);
  const destination = formatEnd(flow.destination, flow.destinationService, flow.IP?.destination, ports(flow)[1]);
  if (flow.isReply === true) return `${destination} <- ${source}`;
  return `${source} ${flow.isReply === undefined ? '<>' : '->'} ${destination}`;
}

function formatEnd(end: Endpoint | undefined, service: Service | undefined, address: string | undefined, port: number | undefined): string {
  const where = port === undefined ? (address ?? '?') : `${address?.includes(':') ? `[${address}]` : (address ?? '?')}:${port}`;
  const ofService = service === undefined ? '' : `Service ${service.namespace}/${service.name} `;
  const name = end?.podName ? `${end.namespace}/${end.podName} ` : ofService;
  // A Service's address is nobody's.
  return name === ofService && name !== '' ? `${name}${where}` : `${name}${where} (${identityName(end)})`;
}

/** The most telling name: the prefix of an address outside, a reserved identity's name, else the number. */
function identityName(end: Endpoint | undefined): string {
  const telling = end?.labels.find((label) => label.startsWith('cidr:')) ?? end?.labels.find((label) => label.startsWith('reserved:'));
  return telling ?? `ID:${end?.identity ?? 0}`;
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
    const { egress, ingress } = deniedByDefault(flow);
    const isolating = [...egress, ...ingress];
    const by = rules.length > 0 ? ` by ${names(rules)}` : isolating.length > 0 ? ` by default deny of ${names(isolating)}` : '';
    return `: ${dropReason(flow.dropReasonDesc)} (${at})${by}`;
  }
  const allowed = [
    ...flow.egressAllowedBy.map((rule) => `egress ${formatPolicy(rule)}`),
    ...flow.ingressAllowedBy.map((rule) => `ingress ${formatPolicy(rule)}`),
  ];
  return allowed.length > 0 ? `: allowed by ${allowed.join(', ')}` : '';
}

const dropReason = (reason: DropReason) => reasonNames.get(reason) ?? `reason ${reason}`;

const names = (policies: readonly Policy[]) => policies.map(formatPolicy).join(', ');

function formatPolicy({ kind, namespace, name, labels }: Policy): string {
  const rules = labels.filter((label) => label.startsWith('rule=')).map((label) => label.slice('rule='.length));
  return [kind, namespace === '' ? name : `${namespace}/${name}`, ...rules].join(' ');
}
