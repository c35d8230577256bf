import { address, toBytes } from '@myelin/address';

/** Six bytes of `aa:bb:cc:dd:ee:ff`. */
export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** Four or sixteen bytes of an address, as they stand in a packet. */
export function addressBytes(text: string): Buffer {
  const parsed = address(text);
  return Buffer.from(toBytes(parsed, parsed.family === 4 ? 4 : 16));
}

/** The internet checksum (RFC 1071) over these bytes. Zero over bytes that hold their own, right one. */
export function checksum(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What transport checksums cover beside the message. */
export function pseudoHeader(source: string, destination: string, protocol: number, length: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(length, 0);
  tail.writeUInt32BE(protocol, 4);
  return Buffer.concat([addressBytes(source), addressBytes(destination), tail]);
}
