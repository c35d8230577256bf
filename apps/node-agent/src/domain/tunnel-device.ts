import { createHash } from 'node:crypto';
import { type Address, type Family, formatAddress } from '@myelin/address';

/** The node's one VXLAN device; the same name on every node. */
export const tunnelDevice = 'myelin-vxlan';

/** Bytes that outer headers take of every packet: IP, UDP, VXLAN, inner Ethernet; by outer family. */
export const tunnelOverhead: Readonly<Record<Family, number>> = { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 };

/** Hardware address of the device of the node that has this outer address, locally administered: every node can tell every other's. */
export function tunnelMac(outer: Address): string {
  const digest = createHash('sha256').update(formatAddress(outer)).digest('hex');
  return ['02', '4d', ...digest.slice(0, 8).match(/../g)!].join(':');
}

/** What the device is made with. */
export interface TunnelOptions {
  readonly mac: string;
  /** Of packets inside. */
  readonly mtu: number;
  /** UDP port, the same on every node. */
  readonly port: number;
}

/** `ip -batch` lines that make the device, down. It learns nothing and asks nobody: where a packet goes, and who sent it, is said with each (`external`). */
export function createTunnel({ mac, mtu, port }: TunnelOptions): readonly string[] {
  return [
    `link add name ${tunnelDevice} address ${mac} mtu ${mtu} type vxlan external dstport ${port} nolearning`,
    `link set dev ${tunnelDevice} addrgenmode none arp off`,
  ];
}

/** `ip -batch` lines once programs are attached; also for a device that was there before. */
export function openTunnel({ mac, mtu }: TunnelOptions): readonly string[] {
  return [`link set dev ${tunnelDevice} address ${mac} mtu ${mtu}`, `link set dev ${tunnelDevice} up`];
}

/** What `ip -j -d link show` says of a link, as far as it matters here. */
export interface LinkDescription {
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly external?: boolean; readonly port?: number } };
}

/** Whether a device that an earlier process made can go on. */
export function isUsableTunnel({ linkinfo }: LinkDescription, { port }: Pick<TunnelOptions, 'port'>): boolean {
  return linkinfo?.info_kind === 'vxlan' && linkinfo.info_data?.external === true && linkinfo.info_data.port === port;
}
