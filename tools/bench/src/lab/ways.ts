import { run } from '@myelin/tool-lab';
import { attachIn, takenAt } from './attachment.ts';
import type { Reading } from './evidence.ts';
import { iptablesRules, nftRules } from './kube-proxy.ts';
import { OurNode } from './our-node.ts';
import { PlainNode, serverAddress } from './plain-node.ts';
import type { WayName } from './results.ts';
import { serviceCount, serviceTarget } from './services.ts';
import { type Ends, ports } from './traffic.ts';

/** A way that traffic can go, set up. */
export interface Way {
  readonly name: WayName;
  readonly ends: Ends;
  /** Counters that say which way packets went. */
  readonly read: () => Promise<Reading>;
  readonly close: () => Promise<void>;
}

/** Sets ways up. Ways over our node share one. */
export class Ways {
  readonly #say: (text: string) => void;
  readonly #withServices: boolean;
  #ours: Promise<OurNode> | undefined;

  /** `names`: all that will be asked for. `say`: progress. */
  constructor(names: ReadonlySet<WayName>, say: (text: string) => void) {
    this.#withServices = names.has('service');
    this.#say = say;
  }

  /** Throws where this machine can't, and leaves nothing behind. */
  async make(name: WayName): Promise<Way> {
    if (name !== 'ours' && name !== 'service') return plainWay(name, this.#say);
    this.#ours ??= OurNode.make(this.#withServices, this.#say);
    return ourWay(name, await this.#ours);
  }
}

async function plainWay(name: Exclude<WayName, 'ours' | 'service'>, say: (text: string) => void): Promise<Way> {
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

function ourWay(name: 'ours' | 'service', node: OurNode): Way {
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
  const target = name === 'service' ? { target: serviceTarget } : {};
  return { name, ends: { ...node.ends, ...target }, read, close: () => node.close() };
}

/** Packets over IPv4 that the stack of a network namespace has forwarded (`ForwDatagrams` of /proc/net/snmp). */
async function routed(netns: string): Promise<number> {
  const [names, values] = (await run({ netns }, ['cat', '/proc/net/snmp'])).split('\n').filter((line) => line.startsWith('Ip: ')) as [
    string,
    string,
  ];
  return Number(values.split(' ')[names.split(' ').indexOf('ForwDatagrams')]);
}
