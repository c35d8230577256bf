import { createNetns, ip, netnsFile, run } from '@myelin/tool-lab';
import { type AttachRequest, attachIn } from './attachment.ts';
import { type Ends, ports } from './traffic.ts';

/** Both pods' addresses: the same on every plain node, each is a machine of its own. */
const pods = { client: { address: '10.9.0.1', number: 1 }, server: { address: '10.9.0.2', number: 2 } } as const;
const gateway = '169.254.1.1';

export const serverAddress = pods.server.address;

const router = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
} as const;

/** Connections that a client has closed keep their ports for a minute else, and there are more connections than ports. */
export const clientSettings = { 'net.ipv4.tcp_tw_reuse': 1, 'net.ipv4.ip_local_port_range': '1024 65535' } as const;

/**
 * A node with two pods, without us: the kernel routes between them. Links, addresses, routes and neighbours are like those that the node agent makes (apps/node-agent, `link-commands.ts`), so that the
 * difference is what happens at the node's side.
 */
export class PlainNode {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  static async make(name: string): Promise<PlainNode> {
    const node = new PlainNode(name);
    await createNetns(`${name}-node`, router, {});
    for (const [pod, { address, number }] of Object.entries(pods)) {
      const podNetns = `${name}-${pod}`;
      const [nodeMac, podMac] = [`02:4e:00:00:00:0${number}`, `02:50:00:00:00:0${number}`];
      await createNetns(podNetns, clientSettings, {});
      await ip({ netns: node.netns }, [
        `link add name ${pod} address ${nodeMac} type veth peer name eth0 address ${podMac} netns ${podNetns}`,
        `link set dev ${pod} addrgenmode none`,
        `link set dev ${pod} up`,
        `neigh replace ${address} lladdr ${podMac} dev ${pod} nud permanent`,
        `route replace ${address}/32 dev ${pod} scope link`,
      ]);
      await ip({ netns: netnsFile(podNetns) }, [
        'link set dev eth0 addrgenmode none',
        'link set dev eth0 up',
        `addr add ${address}/32 dev eth0`,
        `neigh replace ${gateway} lladdr ${nodeMac} dev eth0 nud permanent`,
        `route replace default via ${gateway} dev eth0 onlink`,
      ]);
    }
    return node;
  }

  /** The node's own network namespace. */
  get netns(): string {
    return netnsFile(`${this.#name}-node`);
  }

  get ends(): Ends {
    const [client, server] = ['client', 'server'].map((pod) => netnsFile(`${this.#name}-${pod}`)) as [string, string];
    return { client, server, serverAddress };
  }

  /** Has packets leave for the other pod by bare `bpf_redirect_peer`. */
  async redirect(): Promise<void> {
    for (const [interfaceName, peerInterface] of [
      ['client', 'server'],
      ['server', 'client'],
    ] as const)
      await this.#attach({ program: 'redirect', interfaceName, peerInterface });
  }

  /** Has the sender's datagrams dropped as soon as they are on the node. */
  async dropDatagrams(): Promise<void> {
    await this.#attach({ program: 'take', interfaceName: 'client', datagramPort: ports.datagrams });
  }

  /** Loads rules of nftables or iptables on the node. */
  async load(command: readonly string[], rules: string): Promise<void> {
    await run({ netns: this.netns }, command, rules);
  }

  #attach(request: AttachRequest): Promise<void> {
    return attachIn(this.netns, request);
  }
}
