import { macBytes } from './bytes.ts';

/** EtherTypes. */
export const etherTypes = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, vlan: 0x8100, mpls: 0x8847 } as const;

/** Bytes of an Ethernet header. */
export const ethernetLength = 14;

export interface Frame {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly type: number;
}

/** An Ethernet frame. */
export function frame({ sourceMac, destinationMac, type }: Frame, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(ethernetLength);
  macBytes(destinationMac).copy(header, 0);
  macBytes(sourceMac).copy(header, 6);
  header.writeUInt16BE(type, 12);
  return Buffer.concat([header, payload]);
}
