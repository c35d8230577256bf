/** TCP flags. */
export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Tcp extends Ports {
  readonly flags: number;
  /** Header length in words, overriding the true one. */
  readonly words?: number;
}

/** A TCP segment; its checksum is left zero, as a sender with checksum offload leaves it. */
export function tcp({ sourcePort, destinationPort, flags, words = 5 }: Tcp, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header[12] = words << 4;
  header[13] = flags;
  return Buffer.concat([header, payload]);
}

/** A UDP datagram without a checksum. */
export function udp({ sourcePort, destinationPort }: Ports, payload: Uint8Array = Buffer.from('hello')): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** The first eight bytes that ICMP and ICMPv6 messages begin with, and what follows. */
export function icmp(type: number, code: number, payload: Uint8Array = new Uint8Array(0), id = 0): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header[1] = code;
  header.writeUInt16BE(id, 4);
  return Buffer.concat([header, payload]);
}
