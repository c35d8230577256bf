import type { Flow } from '@myelin/contracts/flow';
import * as api from '@myelin/contracts/flow';
import type { Timestamp } from '@myelin/contracts/timestamp';
import { extensionType } from './deciders.ts';

/** A JSON value as protojson writes it: nothing for a field at its default. */
type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** Writes one field's value; undefined leaves the field out. */
type Write<T> = (value: T) => Json | undefined;

/** Every field of a message: its name in the proto file and its writer. A field that is forgotten here doesn't compile. */
type Shape<T> = { readonly [K in keyof T]-?: readonly [name: string, write: Write<T[K]>] };

const plain: Write<string | number | boolean> = (value) => (value === '' || value === 0 || value === false ? undefined : value);
const uint64: Write<bigint> = (value) => (value === 0n ? undefined : value.toString());
const wrapped: Write<boolean | undefined> = (value) => value;

/** Enum values go by name, unknown ones by number. */
function named<T extends number>(values: Readonly<Record<string, T>>): Write<T> {
  const names = new Map(Object.entries(values).map(([name, value]) => [value, name]));
  return (value) => (value === 0 ? undefined : (names.get(value) ?? value));
}

function message<T extends object>(shape: Shape<T>): Write<T | undefined> {
  return (value) => (value === undefined ? undefined : fields(shape, value));
}

function fields<T extends object>(shape: Shape<T>, value: T): Json {
  const written: Record<string, Json> = {};
  for (const key of Object.keys(shape) as (keyof T)[]) {
    const [name, write] = shape[key];
    const json = write(value[key]);
    if (json !== undefined) written[name] = json;
  }
  return written;
}

function list<T>(write: Write<T>): Write<readonly T[]> {
  return (values) => (values.length === 0 ? undefined : values.map((value) => write(value) ?? ''));
}

/** RFC 3339 in UTC, with no more groups of three decimals than there are. */
export function timestampText({ seconds, nanos }: Timestamp): string {
  const decimals = String(nanos)
    .padStart(9, '0')
    .replace(/(000){1,3}$/, '');
  const toSecond = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${toSecond}${decimals === '' ? '' : `.${decimals}`}Z`;
}

const time: Write<Timestamp | undefined> = (value) => (value === undefined ? undefined : timestampText(value));

const flags: Shape<api.TCPFlags> = {
  FIN: ['FIN', plain],
  SYN: ['SYN', plain],
  RST: ['RST', plain],
  PSH: ['PSH', plain],
  ACK: ['ACK', plain],
  URG: ['URG', plain],
  ECE: ['ECE', plain],
  CWR: ['CWR', plain],
  NS: ['NS', plain],
};
const ports: Shape<api.UDP> = { sourcePort: ['source_port', plain], destinationPort: ['destination_port', plain] };
const tcp: Shape<api.TCP> = { ...ports, flags: ['flags', message(flags)] };
const icmp: Shape<api.ICMPv4> = { type: ['type', plain], code: ['code', plain] };

const layer4: Write<api.Layer4 | undefined> = (value) => {
  const protocol = value?.protocol;
  if (protocol === undefined) return undefined;
  switch (protocol.$case) {
    case 'TCP':
      return { TCP: fields(tcp, protocol.value) };
    case 'UDP':
    case 'SCTP':
      return { [protocol.$case]: fields(ports, protocol.value) };
    case 'ICMPv4':
    case 'ICMPv6':
      return { [protocol.$case]: fields(icmp, protocol.value) };
  }
};

const ethernet: Shape<api.Ethernet> = { source: ['source', plain], destination: ['destination', plain] };
const ip: Shape<api.IP> = {
  source: ['source', plain],
  sourceXlated: ['source_xlated', plain],
  destination: ['destination', plain],
  ipVersion: ['ipVersion', named(api.IPVersion)],
  encrypted: ['encrypted', plain],
};
const endpoint: Shape<api.Endpoint> = {
  ID: ['ID', plain],
  identity: ['identity', plain],
  clusterName: ['cluster_name', plain],
  namespace: ['namespace', plain],
  labels: ['labels', list(plain)],
  podName: ['pod_name', plain],
};
const service: Shape<api.Service> = { name: ['name', plain], namespace: ['namespace', plain] };
const policy: Shape<api.Policy> = {
  name: ['name', plain],
  namespace: ['namespace', plain],
  labels: ['labels', list(plain)],
  revision: ['revision', uint64],
  kind: ['kind', plain],
};
const eventType: Shape<api.CiliumEventType> = { type: ['type', plain], subType: ['sub_type', plain] };
const networkInterface: Shape<api.NetworkInterface> = { index: ['index', plain], name: ['name', plain] };

/** An Any shows the fields of its message beside `@type`; one that we don't know shows its bytes. */
const extension: Write<Flow['extensions']> = (value) => {
  if (value === undefined) return undefined;
  if (value.typeUrl !== extensionType) return { '@type': value.typeUrl, value: value.value.toString('base64') };
  return { '@type': value.typeUrl, ...(flowJson(api.Flow.decode(value.value)) as Record<string, Json>) };
};

const flow: Shape<Flow> = {
  time: ['time', time],
  uuid: ['uuid', plain],
  verdict: ['verdict', named(api.Verdict)],
  dropReason: ['drop_reason', plain],
  ethernet: ['ethernet', message(ethernet)],
  IP: ['IP', message(ip)],
  l4: ['l4', layer4],
  source: ['source', message(endpoint)],
  destination: ['destination', message(endpoint)],
  Type: ['Type', named(api.FlowType)],
  nodeName: ['node_name', plain],
  reply: ['reply', plain],
  eventType: ['event_type', message(eventType)],
  sourceService: ['source_service', message(service)],
  destinationService: ['destination_service', message(service)],
  trafficDirection: ['traffic_direction', named(api.TrafficDirection)],
  policyMatchType: ['policy_match_type', plain],
  traceObservationPoint: ['trace_observation_point', named(api.TraceObservationPoint)],
  traceReason: ['trace_reason', named(api.TraceReason)],
  dropReasonDesc: ['drop_reason_desc', named(api.DropReason)],
  isReply: ['is_reply', wrapped],
  interface: ['interface', message(networkInterface)],
  Summary: ['Summary', plain],
  extensions: ['extensions', extension],
  egressAllowedBy: ['egress_allowed_by', list(message(policy))],
  ingressAllowedBy: ['ingress_allowed_by', list(message(policy))],
  egressDeniedBy: ['egress_denied_by', list(message(policy))],
  ingressDeniedBy: ['ingress_denied_by', list(message(policy))],
};

/** A flow as protojson writes it with proto field names: `JSON.stringify` of this is what the stock client prints. */
export function flowJson(value: Flow): Json {
  return fields(flow, value);
}

/** One line of `monitor -o json` and of recorded flows: `{"flow":{…},"node_name":…,"time":…}`, without a line end. */
export function flowLine(response: { readonly flow: Flow; readonly nodeName: string; readonly time: Timestamp | undefined }): string {
  return JSON.stringify({ flow: flowJson(response.flow), node_name: response.nodeName, time: time(response.time) });
}
