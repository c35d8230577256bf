import { address, toBytes } from '@myelin/address';

/** One end of a packet on the wire. */
export interface FrameEnd {
  readonly mac: string;
  readonly address: string;
  readonly port: number;
}

/** Flags of a TCP header's byte 13. */
export const tcpFlags = { SYN: 0x02, ACK: 0x10 } as const;

/** Bytes of every frame: as the yardstick's. */
export const frameBytes = 128;

const etherTypes = { 4: 0x0800, 6: 0x86dd } as const;
const tcp = 6;
const ethernetBytes = 14;

/** A TCP segment in Ethernet and IPv4 or IPv6, 128 bytes long. Only the IPv4 header's checksum is right: nobody in between looks at the other. */
export function tcpFrame(from: FrameEnd, to: FrameEnd, flags: number): Buffer {
  const source = address(from.address);
  const frame = Buffer.alloc(frameBytes);
  macBytes(to.mac).copy(frame, 0);
  macBytes(from.mac).copy(frame, 6);
  frame.writeUInt16BE(etherTypes[source.family], 12);
  const transport = source.family === 4 ? writeIpv4(frame, from.address, to.address) : writeIpv6(frame, from.address, to.address);
  frame.writeUInt16BE(from.port, transport);
  frame.writeUInt16BE(to.port, transport + 2);
  frame.writeUInt8(5 << 4, transport + 12);
  frame.writeUInt8(flags, transport + 13);
  frame.writeUInt16BE(0xffff, transport + 14);
  return frame;
}

/** Returns where the transport header begins. */
function writeIpv4(frame: Buffer, source: string, destination: string): number {
  const header = frame.subarray(ethernetBytes, ethernetBytes + 20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(frame.length - ethernetBytes, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(tcp, 9);
  header.set(toBytes(address(source), 4), 12);
  header.set(toBytes(address(destination), 4), 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return ethernetBytes + header.length;
}

function writeIpv6(frame: Buffer, source: string, destination: string): number {
  const header = frame.subarray(ethernetBytes, ethernetBytes + 40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(frame.length - ethernetBytes - header.length, 4);
  header.writeUInt8(tcp, 6);
  header.writeUInt8(64, 7);
  header.set(toBytes(address(source)), 8);
  header.set(toBytes(address(destination)), 24);
  return ethernetBytes + header.length;
}

/** RFC 1071. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
