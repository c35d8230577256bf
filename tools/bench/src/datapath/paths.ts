import {
  arrivingFrame,
  arrivingWrapper,
  connect,
  connectFromRemote,
  connectToService,
  firstPort,
  leavingFrame,
  podFrame,
  serviceAnswer,
  serviceFrame,
  singlePorts,
  verdicts,
} from './connections.ts';
import type { CounterName, Expected } from './evidence.ts';
import { findFlow, findTraces } from './forgetting.ts';
import { tcpFlags } from './frame.ts';
import type { BenchNode, NodePod } from './node.ts';
import type { PathOptions } from './path.ts';
import { serviceCount } from './services.ts';
import { clientCount, ports } from './workload.ts';
import { Wrapper, type WrapperProgram } from './wrapper.ts';

/** What a path's node has to be like. Paths of one shape share a node. */
export interface NodeShape {
  /** Buckets of `flows_v4`; absent: the default. */
  readonly flowBuckets?: number;
  /** Clients that have many established connections each. */
  readonly busyClients?: number;
  /** Services that lead to the server. */
  readonly services?: number;
}

/** How much is done in one round. */
export interface Sizes {
  /** Packets of a path that only reads. */
  readonly packets: number;
  /** Packets of a path that sends an event with each. They have to find room in the ring buffer. */
  readonly events: number;
  /** Established connections of each busy client. */
  readonly connectionsOfClient: number;
}

/** A result of the suite, and how to set it up on a node of its shape. */
export interface PathPlan {
  readonly name: string;
  readonly shape: NodeShape;
  readonly make: (node: BenchNode, sizes: Sizes) => Promise<Omit<PathOptions, 'node'>>;
}

/** Of each busy client, for results that are held against bars: as many as an endpoint's share of the table holds. */
export const connectionsOfClient = 65536;

const plain: NodeShape = {};
const quarterMillion: NodeShape = { flowBuckets: 2 ** 17, busyClients: 4 };
const million: NodeShape = { flowBuckets: 2 ** 19, busyClients: clientCount };
/** All the services that a bar is about. */
export const manyServices: NodeShape = { services: serviceCount };
const roomy: NodeShape = { flowBuckets: 2 ** 17 };

/** All that are built. */
export const pathPlans: readonly PathPlan[] = [
  { name: 'established-pod-to-pod-ipv4-hot', shape: plain, make: oneConnection(4) },
  { name: 'established-pod-to-pod-ipv6-hot', shape: plain, make: oneConnection(6) },
  { name: 'established-pod-to-pod-ipv4-1024-of-256k', shape: quarterMillion, make: connectionsInTurn(1024) },
  { name: 'established-pod-to-pod-ipv4-64k-of-1m', shape: million, make: connectionsInTurn(connectionsOfClient) },
  { name: 'overlay-vxlan-send', shape: plain, make: sendToNode },
  { name: 'overlay-vxlan-receive', shape: plain, make: receiveFromNode },
  { name: 'service-established-forward', shape: manyServices, make: toService },
  { name: 'service-established-reply', shape: manyServices, make: fromService },
  { name: 'deny-undecided', shape: plain, make: firstDenial('egress') },
  { name: 'deny-undecided-at-ingress', shape: plain, make: firstDenial('ingress') },
  { name: 'deny-repeated', shape: plain, make: repeatedDenial },
  { name: 'new-flow-same-tuple', shape: plain, make: newConnection('decisions remembered') },
  { name: 'new-flow-same-tuple-undecided', shape: plain, make: newConnection('decisions made') },
  { name: 'new-flow-varied', shape: roomy, make: newConnectionsInTurn },
];

const forwarded: CounterName = 'forwarded FORWARD_TO_ENDPOINT egress';
const hit: Expected = { 'flow hits': 1, [forwarded]: 1 };
const policyDenied = 133;

/** Half-open connections of each client in a round: fewer than its share, and their events find room. */
const newConnectionsOfClient = 4096;

function frameOf(node: BenchNode, family: 4 | 6, sourcePort: number, destinationPort: number, flags: number) {
  return (client: NodePod) => podFrame(client, node.server, family, sourcePort, destinationPort, flags);
}

/** The packet of one established connection, again and again: all of it in the processor's nearest cache. */
function samePacket(of: Pick<PathOptions, 'wrapper' | 'senders' | 'frame'>, packets: number, way: CounterName): Omit<PathOptions, 'node'> {
  return { ...of, packets, warmUp: packets >> 4, returns: verdicts.redirect, expected: { 'flow hits': 1, [way]: 1 } };
}

function oneConnection(family: 4 | 6): PathPlan['make'] {
  return async (node, { packets }) => {
    const client = node.clients[0]!;
    await connect(node, client, family, singlePorts.established);
    const wrapper = await Wrapper.load('same_packet', node);
    const frame = frameOf(node, family, singlePorts.established, ports.allowed, tcpFlags.ACK);
    return samePacket({ wrapper, senders: [client], frame }, packets, forwarded);
  };
}

/** One established connection's packets into the tunnel to another node: tunnel key and redirect included; encapsulating is the device's. */
async function sendToNode(node: BenchNode, { packets }: Sizes): ReturnType<PathPlan['make']> {
  await connectFromRemote(node);
  const wrapper = await Wrapper.load('same_packet', node);
  const frame = () => leavingFrame(node, tcpFlags.ACK);
  return samePacket({ wrapper, senders: [node.server], frame }, packets, 'forwarded FORWARD_TO_NODE egress');
}

/** The same connection's packets out of the tunnel, after the device has taken the outer headers off. */
async function receiveFromNode(node: BenchNode, { packets }: Sizes): ReturnType<PathPlan['make']> {
  await connectFromRemote(node);
  const wrapper = await arrivingWrapper(node);
  const frame = () => arrivingFrame(node, tcpFlags.ACK);
  return samePacket({ wrapper, senders: [node.server], frame }, packets, 'forwarded FORWARD_TO_ENDPOINT ingress');
}

/** One established connection's packets to a service whose backend is on the node. */
async function toService(node: BenchNode, { packets }: Sizes): ReturnType<PathPlan['make']> {
  const client = node.clients[0]!;
  await connectToService(node, client);
  const wrapper = await Wrapper.load('same_packet', node);
  return samePacket({ wrapper, senders: [client], frame: () => serviceFrame(client, node.service, tcpFlags.ACK) }, packets, forwarded);
}

/** The same connection's packets from the backend, which come from the service. */
async function fromService(node: BenchNode, { packets }: Sizes): ReturnType<PathPlan['make']> {
  const client = node.clients[0]!;
  await connectToService(node, client);
  const wrapper = await Wrapper.load('same_packet', node);
  return samePacket({ wrapper, senders: [node.server], frame: () => serviceAnswer(node, client, tcpFlags.ACK) }, packets, forwarded);
}

/** So many of a busy client's connections, a packet of each in turn. */
function connectionsInTurn(active: number): PathPlan['make'] {
  return async (node, { packets, connectionsOfClient: connections }) => {
    const wrapper = await Wrapper.load('varied_packets', node);
    wrapper.set({ last_flow: Math.min(active, connections) - 1, first_port: firstPort });
    return {
      wrapper,
      senders: [node.clients[0]!],
      frame: frameOf(node, 4, firstPort, ports.allowed, tcpFlags.ACK),
      packets: Math.max(packets, active),
      warmUp: active,
      returns: verdicts.redirect,
      expected: hit,
    };
  };
}

/** A wrapper that makes every packet the first of its flow; the flow has to have ports of its own. `undecided`: no policy has been asked before, either. */
async function forgetfulWrapper(
  node: BenchNode,
  client: NodePod,
  frame: Buffer,
  [source, destination]: readonly [number, number],
  undecided: boolean,
): Promise<Wrapper> {
  const send = () => node.send(client, frame);
  const decisions = await findTraces(node, 'decisions', send);
  const [denial = 0] = await findTraces(node, 'denials', send);
  // A denied flow gets its entry when it is denied again.
  await send();
  const places = await findFlow(node, source, destination);
  if (places.length === 0 || decisions.length === 0) throw new Error('the packets left no trace in the flow table or among the decisions');
  const program: WrapperProgram = undecided ? 'undecided_flow' : 'unknown_flow';
  const wrapper = await Wrapper.load(program, node);
  // A denied flow has one entry: it is forgotten twice.
  const [first, second = first] = places;
  const [decision, decisionToo = decision] = decisions;
  wrapper.set({
    forget_buckets: [first!.bucket, second!.bucket],
    forget_ways: [first!.way, second!.way],
    forget_owner: client.slot,
    forget_decisions: [decision!, decisionToo!],
    forget_denial: denial,
  });
  return wrapper;
}

/** A packet that policy denies, and nobody knew that before. */
function firstDenial(end: 'ingress' | 'egress'): PathPlan['make'] {
  return async (node, { events }) => {
    const client = node.clients[0]!;
    const destination = end === 'ingress' ? ports.deniedAtIngress : ports.deniedAtEgress;
    const frame = frameOf(node, 4, singlePorts.denied, destination, tcpFlags.SYN);
    const asked = end === 'ingress' ? 2 : 1;
    return {
      wrapper: await forgetfulWrapper(node, client, frame(client), [singlePorts.denied, destination], true),
      senders: [client],
      frame,
      packets: events,
      warmUp: events >> 4,
      returns: verdicts.drop,
      expected: { [`dropped ${policyDenied} ${end}`]: 1, 'decisions made': asked, 'events sent': 1 },
    };
  };
}

/** A packet like one that was denied before. */
async function repeatedDenial(node: BenchNode, { packets }: Sizes): ReturnType<PathPlan['make']> {
  const client = node.clients[0]!;
  const frame = frameOf(node, 4, singlePorts.repeated, ports.deniedAtIngress, tcpFlags.SYN);
  await node.send(client, frame(client));
  return {
    wrapper: await Wrapper.load('same_packet', node),
    senders: [client],
    frame,
    packets,
    warmUp: packets >> 4,
    returns: verdicts.drop,
    expected: { [`dropped ${policyDenied} ingress`]: 1, 'events sent': 'seldom' },
  };
}

/** The SYN of a connection that nobody knew, always with the same tuple. */
function newConnection(decisions: 'decisions remembered' | 'decisions made'): PathPlan['make'] {
  return async (node, { events }) => {
    const client = node.clients[0]!;
    const undecided = decisions === 'decisions made';
    const source = undecided ? singlePorts.undecided : singlePorts.new;
    const frame = frameOf(node, 4, source, ports.allowed, tcpFlags.SYN);
    return {
      wrapper: await forgetfulWrapper(node, client, frame(client), [source, ports.allowed], undecided),
      senders: [client],
      frame,
      packets: events,
      warmUp: events >> 4,
      returns: verdicts.redirect,
      expected: { 'flow inserts': 1, [decisions]: 2, [forwarded]: 1, 'events sent': 1 },
    };
  };
}

/** SYNs of connections that were never there, one after the other, in a table that has none. */
async function newConnectionsInTurn(node: BenchNode): ReturnType<PathPlan['make']> {
  const wrapper = await Wrapper.load('varied_packets', node);
  wrapper.set({ last_flow: newConnectionsOfClient - 1, first_port: firstPort });
  return {
    wrapper,
    senders: node.clients,
    frame: frameOf(node, 4, firstPort, ports.allowed, tcpFlags.SYN),
    packets: newConnectionsOfClient,
    warmUp: newConnectionsOfClient >> 4,
    prepare: () => node.forgetFlows(),
    returns: verdicts.redirect,
    expected: { 'flow inserts': 1, 'decisions remembered': 2, [forwarded]: 1, 'events sent': 1 },
  };
}
