/**
 * `node attach.ts <request as JSON>`, under `nsenter --net=<namespace>`: attaches a program of bpf/traffic.bpf.c by tcx to an interface of that namespace, where it stays as long as its pins. A process
 * of its own, since a thread that enters a namespace takes no other one along.
 */
import { join } from 'node:path';
import { BpfObject, interfaceIndex, TcxLink } from '@myelin/bpf-native';
import type { PinnedRequest } from './attachment.ts';

function numberBytes(value: number, bytes: 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

function indexOf(name: string): number {
  const index = interfaceIndex(name);
  if (index === null) throw new Error(`there is no interface ${name}`);
  return index;
}

async function attach({ program, interfaceName, peerInterface, datagramPort, linkPin, countPin }: PinnedRequest): Promise<void> {
  const object = BpfObject.open(join(import.meta.dirname, '..', '..', 'build', 'traffic.bpf.o'));
  if (peerInterface !== undefined) object.setVariable('peer_interface', numberBytes(indexOf(peerInterface), 4));
  if (datagramPort !== undefined) object.setVariable('datagram_port', numberBytes(datagramPort, 2));
  await object.load();
  const link = await TcxLink.attach(object.program(program), { ifindex: indexOf(interfaceName), direction: 'ingress' });
  link.pin(linkPin);
  object.map('taken').pin(countPin);
}

await attach(JSON.parse(process.argv[2]!));
