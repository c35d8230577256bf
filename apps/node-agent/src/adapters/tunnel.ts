import { type Address, formatAddress } from '@myelin/address';
import type { Attachments } from '@myelin/datapath';
import { MyelinError } from '@myelin/service';
import {
  createTunnel,
  isUsableTunnel,
  type LinkDescription,
  openTunnel,
  type TunnelOptions,
  tunnelDevice,
} from '../domain/tunnel-device.ts';
import { CommandError, runCommand } from './command.ts';

const ip = (lines: readonly string[]) => runCommand('ip', ['-batch', '-'], lines.map((line) => `${line}\n`).join(''));

/** MTU of the interface that has the address. Throws `failed_precondition` where none has. */
export async function mtuOfNetwork(address: Address): Promise<number> {
  const links = JSON.parse(await runCommand('ip', ['-j', 'address', 'show'])) as readonly {
    readonly mtu: number;
    readonly addr_info: readonly { readonly local?: string }[];
  }[];
  const text = formatAddress(address);
  const found = links.find(({ addr_info }) => addr_info.some(({ local }) => local === text));
  if (found === undefined) throw new MyelinError('failed_precondition', `no interface has this node's address ${text}`);
  return found.mtu;
}

async function describeTunnel(): Promise<LinkDescription | null> {
  try {
    const [link] = JSON.parse(await runCommand('ip', ['-j', '-d', 'link', 'show', 'dev', tunnelDevice])) as readonly LinkDescription[];
    return link ?? null;
  } catch (error) {
    if (error instanceof CommandError && error.said.includes('does not exist')) return null;
    throw error;
  }
}

/**
 * Makes the tunnel device, or takes over the one that is there; it goes up only with the program that polices what comes out of it. Returns its index.
 * One of another port is replaced.
 */
export async function raiseTunnel(options: TunnelOptions, attachments: Attachments): Promise<number> {
  const found = await describeTunnel();
  const isUsable = found !== null && isUsableTunnel(found, options);
  if (found !== null && !isUsable) await removeTunnel();
  if (!isUsable) await ip(createTunnel(options));
  const ifindex = await attachments.attachTunnel(tunnelDevice);
  await ip(openTunnel(options));
  return ifindex;
}

/** Missing is success. */
export async function removeTunnel(): Promise<void> {
  if ((await describeTunnel()) !== null) await ip([`link del dev ${tunnelDevice}`]);
}
