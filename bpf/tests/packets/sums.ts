import { checksum } from './bytes.ts';
import { ethernetLength } from './frame.ts';
import { protocols } from './ip.ts';

/** Where the transport header begins, whose field the checksum is in, and the pseudo header. */
function layoutOf(frame: Buffer): { readonly at: number; readonly field: number; readonly pseudo: Buffer } {
  const v4 = frame[ethernetLength]! >> 4 === 4;
  const at = ethernetLength + (v4 ? 20 : 40);
  const protocol = frame[ethernetLength + (v4 ? 9 : 6)]!;
  const addresses = frame.subarray(ethernetLength + (v4 ? 12 : 8), at);
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(frame.length - at, 0);
  tail.writeUInt32BE(protocol, 4);
  const fields: Readonly<Record<number, number>> = { [protocols.tcp]: 16, [protocols.udp]: 6, [protocols.icmp]: 2, [protocols.icmpv6]: 2 };
  return { at, field: at + fields[protocol]!, pseudo: protocol === protocols.icmp ? Buffer.alloc(0) : Buffer.concat([addresses, tail]) };
}

/** The frame with the right transport checksum; headers without options. */
export function summed(frame: Buffer): Buffer {
  const { at, field, pseudo } = layoutOf(frame);
  const copy = Buffer.from(frame);
  copy.writeUInt16BE(0, field);
  copy.writeUInt16BE(checksum(pseudo, copy.subarray(at)) || 0xffff, field);
  return copy;
}

/** Whether the transport checksum and an IPv4 header's are right. */
export function isSummed(frame: Buffer): boolean {
  const { at, pseudo } = layoutOf(frame);
  const header = frame.subarray(ethernetLength, at);
  return checksum(pseudo, frame.subarray(at)) === 0 && (header[0]! >> 4 === 6 || checksum(header) === 0);
}
