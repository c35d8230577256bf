import { type Address, formatAddress, formatPrefix, type Prefix, parseAddress, parsePrefix } from '@myelin/address';
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

/** Where a service is: what libs/rpc takes as the target of a channel. */
const peer = (service: string) =>
  field.text({
    help: `${service}, all its replicas`,
    accept: (text) => parseTarget(text) !== null,
    expected: 'host:port[,host:port…] or unix:/path',
  });

/** What the node agent can be told. */
export const nodeAgentConfiguration = configuration('node-agent', "Runs one node's kernel datapath: endpoints, policy, flows.", {
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
  mtu: field.integer({ help: "MTU of the pods' interfaces", minimum: 1280, maximum: 65535, default: 1500 }),
  masqueradeExclude: field.list<Prefix>({
    help: "destinations outside the cluster that see the pods' own addresses",
    placeholder: '<prefix>',
    default: [],
    item: prefixItem,
    show: formatPrefix,
  }),
  createTimeoutMs: field.integer({
    help: 'how long a caller waits for an endpoint to be enforced',
    minimum: 100,
    maximum: 600_000,
    default: 12_000,
  }),
  ...serviceFields,
});

/** The node agent's configuration, frozen. */
export type NodeAgentConfig = ConfigOf<typeof nodeAgentConfiguration>;
