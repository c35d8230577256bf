import { address, toBytes } from '@myelin/address';
import { type FrameEnd, tcpFlags, tcpFrame } from './frame.ts';
import type { BenchNode, NodePod } from './node.ts';
import { servicePort } from './services.ts';
import { ports } from './workload.ts';
import { Wrapper } from './wrapper.ts';

/** What the programs return for a packet to another pod of the node, and for one that drops (`linux/pkt_cls.h`). */
export const verdicts = { redirect: 7, drop: 2 } as const;

/** Source port of the first connection of many. */
export const firstPort = 16384;
/** Source ports of connections that are alone. */
export const singlePorts = {
  established: 40000,
  denied: 40001,
  repeated: 40002,
  new: 40003,
  undecided: 40004,
  remote: 40005,
  service: 40006,
} as const;

/** So many connections of one client that the table counts half-open stay within its share. */
const handshakes = 4096;

/** An end of a connection, as a pod of the node has it; towards its gateway's MAC. */
export function endOf(pod: NodePod, family: 4 | 6, port: number): FrameEnd {
  return { mac: pod.mac, address: family === 4 ? pod.ipv4 : pod.ipv6, port };
}

/** A frame that a pod sends to another one: addressed to its gateway. */
export function podFrame(from: NodePod, to: NodePod, family: 4 | 6, sourcePort: number, destinationPort: number, flags: number): Buffer {
  return tcpFrame(endOf(from, family, sourcePort), { ...endOf(to, family, destinationPort), mac: from.nodeMac }, flags);
}

/** Opens one connection by its handshake, through the real program. */
export async function connect(node: BenchNode, client: NodePod, family: 4 | 6, sourcePort: number): Promise<void> {
  const { server } = node;
  const { SYN, ACK } = tcpFlags;
  const handshake = [
    [client, podFrame(client, server, family, sourcePort, ports.allowed, SYN)],
    [server, podFrame(server, client, family, ports.allowed, sourcePort, SYN | ACK)],
    [client, podFrame(client, server, family, sourcePort, ports.allowed, ACK)],
  ] as const;
  for (const [pod, frame] of handshake) {
    const returned = await node.send(pod, frame);
    if (returned !== verdicts.redirect)
      throw new Error(`a packet of a handshake over IPv${family} did not pass: the program returned ${returned}`);
  }
}

/** A frame that a client sends to a service. */
export function serviceFrame(client: NodePod, service: string, flags: number): Buffer {
  return tcpFrame(endOf(client, 4, singlePorts.service), { mac: client.nodeMac, address: service, port: servicePort }, flags);
}

/** What the service's backend sends back. */
export function serviceAnswer({ server }: BenchNode, client: NodePod, flags: number): Buffer {
  return podFrame(server, client, 4, ports.allowed, singlePorts.service, flags);
}

/** Opens a connection to a service by its handshake. */
export async function connectToService(node: BenchNode, client: NodePod): Promise<void> {
  const { SYN, ACK } = tcpFlags;
  const handshake = [
    [client, serviceFrame(client, node.service, SYN)],
    [node.server, serviceAnswer(node, client, SYN | ACK)],
    [client, serviceFrame(client, node.service, ACK)],
  ] as const;
  for (const [pod, frame] of handshake) {
    const returned = await node.send(pod, frame);
    if (returned !== verdicts.redirect)
      throw new Error(`a packet of a handshake with a service did not pass: the program returned ${returned}`);
  }
}

/** A frame of the remote client to the server, as the tunnel device hands it over. */
export function arrivingFrame({ remoteClient, server }: BenchNode, flags: number): Buffer {
  const from = { mac: '02:4d:00:00:00:02', address: remoteClient.ipv4, port: singlePorts.remote };
  return tcpFrame(from, { mac: '02:4d:00:00:00:01', address: server.ipv4, port: ports.allowed }, flags);
}

/** A frame of the server to the remote client. */
export function leavingFrame({ remoteClient, server }: BenchNode, flags: number): Buffer {
  const to = { mac: server.nodeMac, address: remoteClient.ipv4, port: singlePorts.remote };
  return tcpFrame(endOf(server, 4, ports.allowed), to, flags);
}

/** A wrapper that has packets arrive from the other node, under the identity of the remote client. */
export async function arrivingWrapper(node: BenchNode): Promise<Wrapper> {
  const wrapper = await Wrapper.load('arriving_packet', node, node.tunnelProgram);
  const outer = Buffer.from(toBytes(address(node.remoteAddress), 4)).readUInt32BE();
  wrapper.set({ network_id: node.remoteClient.identity, outer_source: outer });
  return wrapper;
}

/** Opens a connection from the remote client, through both programs. */
export async function connectFromRemote(node: BenchNode): Promise<void> {
  const { SYN, ACK } = tcpFlags;
  const wrapper = await arrivingWrapper(node);
  const arrive = (flags: number) => wrapper.real(node.server, arrivingFrame(node, flags), { repeat: 1 }, verdicts.redirect);
  await arrive(SYN);
  const returned = await node.send(node.server, leavingFrame(node, SYN | ACK));
  if (returned !== verdicts.redirect) throw new Error(`an answer to another node did not pass: the program returned ${returned}`);
  await arrive(ACK);
  wrapper.close();
}

/** Opens `count` connections (a power of two) over IPv4 of each client, those that `varied_packets` sends packets of. */
export async function connectMany(node: BenchNode, clients: readonly NodePod[], count: number): Promise<void> {
  const wrapper = await Wrapper.load('varied_packets', node);
  const { server } = node;
  const { SYN, ACK } = tcpFlags;
  const frame = (client: NodePod, flags: number) => podFrame(client, server, 4, firstPort, ports.allowed, flags);
  wrapper.set({ last_flow: count - 1, first_port: firstPort });
  const repeat = Math.min(handshakes, count);
  for (const client of clients) {
    for (let packets = 0; packets < count; packets += repeat) {
      const run = async (pod: NodePod, data: Buffer, turned: number) => {
        wrapper.set({ packets, turned });
        await wrapper.real(pod, data, { repeat }, verdicts.redirect);
      };
      await run(client, frame(client, SYN), 0);
      await run(server, podFrame(server, client, 4, ports.allowed, ports.allowed, SYN | ACK), 1);
      await run(client, frame(client, ACK), 0);
    }
  }
  wrapper.close();
}
