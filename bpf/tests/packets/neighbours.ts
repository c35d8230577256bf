import { addressBytes, checksum, macBytes, pseudoHeader } from './bytes.ts';
import { protocols } from './ip.ts';

export interface Arp {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac?: string;
  readonly target: string;
}

/** An ARP message for IPv4 over Ethernet. */
export function arp({ operation, senderMac, sender, targetMac = '00:00:00:00:00:00', target }: Arp): Buffer {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]);
  return Buffer.concat([head, macBytes(senderMac), addressBytes(sender), macBytes(targetMac), addressBytes(target)]);
}

export interface NeighbourMessage {
  /** 135 solicitation, 136 advertisement. */
  readonly type: number;
  readonly source: string;
  readonly destination: string;
  readonly target: string;
  /** Sender's MAC as an option: 1 source, 2 target link-layer address. */
  readonly option?: { readonly type: number; readonly mac: string };
  /** Word after the checksum. */
  readonly flags?: number;
}

/** An ICMPv6 neighbour message with a right checksum. */
export function neighbourMessage({ type, source, destination, target, option, flags = 0 }: NeighbourMessage): Buffer {
  const head = Buffer.alloc(8);
  head[0] = type;
  head.writeUInt32BE(flags, 4);
  const tail = option === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([option.type, 1]), macBytes(option.mac)]);
  const message = Buffer.concat([head, addressBytes(target), tail]);
  message.writeUInt16BE(checksum(pseudoHeader(source, destination, protocols.icmpv6, message.length), message), 2);
  return message;
}
