import { run } from '@myelin/tool-lab';
import { attachIn, takenAt } from './attachment.ts';
import type { Reading } from './evidence.ts';
import { iptablesRules, nftRules, serviceCount, serviceTarget } from './kube-proxy.ts';
import { OurNode } from './our-node.ts';
import { PlainNode, serverAddress } from './plain-node.ts';
import type { WayName } from './results.ts';
import { type Ends, ports } from './traffic.ts';

/** A way that traffic can go, set up. */
export interface Way {
  readonly name: WayName;
  readonly ends: Ends;
  /** Counters that say which way packets went. */
  readonly read: () => Promise<Reading>;
  readonly close: () => Promise<void>;
}

/** Sets a way up. Throws where this machine can't, and leaves nothing behind. */
export async function makeWay(name: WayName, say: (text: string) => void): Promise<Way> {
  return name === 'ours' ? ourWay(say) : plainWay(name, say);
}

async function plainWay(name: Exclude<WayName, 'ours'>, say: (text: string) => void): Promise<Way> {
  const node = await PlainNode.make(name);
  // Where datagrams end, and are counted.
  const [netns, interfaceName] = name === 'dropped' ? [node.netns, 'client'] : [node.ends.server, 'eth0'];
  await attachIn(netns, { program: 'take', interfaceName, datagramPort: ports.datagrams });
  if (name === 'bare') await node.redirect();
  const isService = name === 'nft' || name === 'iptables';
  if (isService) {
    say(`loading the rules of ${serviceCount} services into ${name}`);
    if (name === 'nft') await node.load(['nft', '-f', '-'], nftRules(serverAddress, ports.tcp));
    else await node.load(['iptables-restore', '--wait'], iptablesRules(serverAddress, ports.tcp));
  }
  return {
    name,
    ends: { ...node.ends, ...(isService ? { target: serviceTarget } : {}) },
    read: async () => ({ 'routed by the stack': await routed(node.netns), taken: takenAt(netns, interfaceName) }),
    close: async () => {},
  };
}

async function ourWay(say: (text: string) => void): Promise<Way> {
  const node = await OurNode.make(say);
  const read = async () => {
    const { flowHits, flowInserts, forwarded, dropped } = node.counters();
    const toPods = forwarded.filter((one) => one.class === 'FORWARD_TO_ENDPOINT').reduce((sum, { packets }) => sum + packets, 0n);
    const drops = dropped.reduce((sum, { packets }) => sum + packets, 0n);
    return {
      'routed by the stack': await routed(node.netns),
      taken: takenAt(node.ends.server, 'eth0'),
      'flow hits': Number(flowHits),
      'flow inserts': Number(flowInserts),
      'to a pod': Number(toPods),
      dropped: Number(drops),
    };
  };
  return { name: 'ours', ends: node.ends, read, close: () => node.close() };
}

/** Packets over IPv4 that the stack of a network namespace has forwarded (`ForwDatagrams` of /proc/net/snmp). */
async function routed(netns: string): Promise<number> {
  const [names, values] = (await run({ netns }, ['cat', '/proc/net/snmp'])).split('\n').filter((line) => line.startsWith('Ip: ')) as [
    string,
    string,
  ];
  return Number(values.split(' ')[names.split(' ').indexOf('ForwDatagrams')]);
}
