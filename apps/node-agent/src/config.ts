import { type Address, formatAddress, formatPrefix, type Prefix, parseAddress, parsePrefix } from '@myelin/address';
import { tlsFields, tlsProblems } from '@myelin/credentials';
import { resizableTables } from '@myelin/datapath';
import { defaultTableSize, tableSizes } from '@myelin/loadbalancing';
import { parseTarget } from '@myelin/rpc';
import { type ConfigOf, configuration, field, type Reading, serviceFields } from '@myelin/service';

function addressItem(text: string): Reading<Address> {
  const value = parseAddress(text);
  return value === null ? { expected: 'IP addresses' } : { value };
}

function prefixItem(text: string): Reading<Prefix> {
  const value = parsePrefix(text);
  return value === null ? { expected: 'IP prefixes, as 10.1.0.0/24' } : { value };
}

/** `table=entries`; a flow table's buckets are a power of two. */
function tableSizeItem(text: string): Reading<readonly [table: string, entries: number]> {
  const [table = '', digits = ''] = text.split('=');
  const entries = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
  if (!resizableTables.includes(table) || entries < 2) return { expected: `table=entries, of the tables ${resizableTables.join(' ')}` };
  if (table.startsWith('flows') && Math.log2(entries) % 1 !== 0) return { expected: `a power of two for ${table}, which counts buckets` };
  return { value: [table, entries] };
}

/** Where a service is: what libs/rpc takes as the target of a channel. */
const peer = (service: string) =>
  field.text({
    help: `${service}, all its replicas`,
    accept: (text) => parseTarget(text) !== null,
    expected: 'host:port[,host:port…] or unix:/path',
  });

/** What the node agent can be told. */
export const nodeAgentConfiguration = configuration(
  'node-agent',
  "Runs one node's kernel datapath: endpoints, policy, flows.",
  {
    node: field.text({ help: 'name of the node' }),
    nodeUid: field.text({ help: 'UID of the node' }),
    address: field.list<Address>({ help: "the node's own addresses", placeholder: '<address>', item: addressItem, show: formatAddress }),
    podCidr: field.list<Prefix>({
      help: 'pod ranges that this node shall have; none: what ipam gives',
      placeholder: '<prefix>',
      default: [],
      item: prefixItem,
      show: formatPrefix,
    }),
    socket: field.path({ help: 'gRPC for whoever makes endpoints, the CLI and the lab: a unix socket' }),
    identity: peer('identity-allocator'),
    policy: peer('policy-compiler'),
    ipam: peer('ipam'),
    nats: field.url({ help: 'state streams', protocols: ['nats:', 'tls:'] }),
    bpffs: field.path({ help: "folder on a BPF file system, this node's alone" }),
    stateDir: field.path({ help: 'folder for what a restart needs' }),
    cluster: field.text({ help: "the cluster's name in identity labels", default: 'default' }),
    clusterId: field.integer({
      help: "the cluster's number among those whose nodes reach each other, the same on all nodes; tunnels carry it",
      minimum: 0,
      maximum: 255,
      default: 0,
    }),
    routing: field.choice({
      help: 'how packets travel between nodes, the same on all: in tunnels, or as they are',
      choices: ['overlay', 'native'],
      default: 'overlay',
    }),
    underlay: field.choice({ help: 'addresses that tunnels use, the same on all nodes', choices: ['ipv4', 'ipv6'], default: 'ipv4' }),
    tunnelPort: field.integer({ help: 'UDP port of tunnels, the same on all nodes', minimum: 1, maximum: 65535, default: 8472 }),
    mtu: field.integer({
      help: "MTU of the pods' interfaces; 0: that of the nodes' network, less what a tunnel takes",
      minimum: 1280,
      orZero: true,
      maximum: 65535,
      default: 0,
    }),
    masqueradeExclude: field.list<Prefix>({
      help: "destinations outside the cluster that see the pods' own addresses",
      placeholder: '<prefix>',
      default: [],
      item: prefixItem,
      show: formatPrefix,
    }),
    tableSizes: field.list<readonly [table: string, entries: number]>({
      help: "sizes of kernel tables, where they shall differ from the programs' own; tables that are there already keep theirs",
      placeholder: '<table=entries>',
      default: [],
      item: tableSizeItem,
      show: (size) => size.join('='),
    }),
    maglevTableSize: field.choice({
      help: 'positions of the table of a Service with several backends, the same on all nodes, 2 bytes each; a node that has some keeps its size',
      choices: tableSizes.map(String),
      default: String(defaultTableSize),
    }),
    createTimeoutMs: field.integer({
      help: 'how long a caller waits for an endpoint to be enforced',
      minimum: 100,
      maximum: 600_000,
      default: 12_000,
    }),
    ...tlsFields,
    ...serviceFields,
  },
  tlsProblems,
);

/** The node agent's configuration, frozen. */
export type NodeAgentConfig = ConfigOf<typeof nodeAgentConfiguration>;
