import { type Family, type Speaker, Talk } from '../packets/talk.ts';
import type { FarNode, Pod } from './tables.ts';
import type { TestNode } from './test-node.ts';

/** Rule sets and default denies, as the events of these tests name them. */
export const origins = { clientEgress: 101, serverIngress: 102, clientDefault: 111, serverDefault: 112, other: 121 } as const;

export const client: Pod = {
  slot: 5,
  ifindex: 1005,
  identity: 1000,
  subject: 11,
  ipv4: '10.1.0.5',
  ipv6: 'fd00:1::5',
  mac: '0a:00:00:00:00:05',
  nodeMac: '0e:00:00:00:00:05',
};

export const server: Pod = {
  slot: 6,
  ifindex: 1006,
  identity: 2000,
  subject: 12,
  ipv4: '10.1.0.6',
  ipv6: 'fd00:1::6',
  mac: '0a:00:00:00:00:06',
  nodeMac: '0e:00:00:00:00:06',
};

/** This node, another one, a pod of that one, and a machine outside. */
export const host: Speaker = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };
export const remoteNode: Speaker = { ipv4: '192.0.2.2', ipv6: '2001:db8::2' };
export const remotePod: Speaker = { ipv4: '10.1.1.9', ipv6: 'fd00:1:1::9' };
export const outside: Speaker = { ipv4: '198.51.100.10', ipv6: '2001:db8:ffff::10' };
/** A second of its pods, without an entry of its own yet. */
export const newPod: Speaker = { ipv4: '10.1.1.10', ipv6: 'fd00:1:1::a' };
/** A third node and a pod of it. */
export const thirdNode: Speaker = { ipv4: '192.0.2.3', ipv6: '2001:db8::3' };
export const thirdPod: Speaker = { ipv4: '10.1.2.9', ipv6: 'fd00:1:2::9' };
/** An address inside the pods' range that nobody has. */
export const nobody: Speaker = { ipv4: '10.1.0.77', ipv6: 'fd00:1::77' };

export const identities = { unknown: 0, host: 1, remoteNode: 6, world4: 9, world6: 10, remotePod: 3000 } as const;

/** The number of the world, by family. */
export function world(family: Family): number {
  return family === 4 ? identities.world4 : identities.world6;
}

/** A node with these two pods, neither isolated, and all those around them. */
export function populate({ tables }: TestNode): void {
  tables.turn(() => {
    for (const pod of [client, server]) {
      tables.addPod(pod);
      tables.policies.set(pod.subject, {});
    }
    for (const family of ['ipv4', 'ipv6'] as const) {
      tables.setPeer(host[family], { identity: identities.host });
      tables.setPeer(remoteNode[family], { identity: identities.remoteNode });
      tables.setPeer(remotePod[family], { identity: identities.remotePod });
    }
    tables.setApplied(identities.remotePod, true);
    tables.setPrefix('0.0.0.0/0', identities.world4);
    tables.setPrefix('::/0', identities.world6);
    tables.setPrefix('10.1.0.0/16', 0);
    tables.setPrefix('fd00:1::/32', 0);
  });
}

/** Those two nodes, where tunnels lead to them. */
export const tunnels: { readonly remote: FarNode; readonly third: FarNode } = {
  remote: {
    slot: 1,
    address: remoteNode.ipv4,
    mac: '02:4d:00:00:00:02',
    ownMac: '02:4d:00:00:00:01',
    interface: 1,
    mtu: 1450,
    podRanges: ['10.1.1.0/24', 'fd00:1:1::/48'],
  },
  third: {
    slot: 2,
    address: thirdNode.ipv6,
    mac: '02:4d:00:00:00:03',
    ownMac: '02:4d:00:00:00:01',
    interface: 1,
    mtu: 1430,
    podRanges: ['10.1.2.0/24', 'fd00:1:2::/48'],
  },
};

/** The same node in a cluster whose nodes reach each other through tunnels; to the third one over IPv6. */
export function populateOverlay(node: TestNode): void {
  populate(node);
  const { tables } = node;
  for (const far of Object.values(tunnels)) tables.addNode(far);
  for (const family of ['ipv4', 'ipv6'] as const) {
    tables.setPeer(remoteNode[family], { identity: identities.remoteNode, node: tunnels.remote.slot });
    tables.setPeer(remotePod[family], { identity: identities.remotePod, node: tunnels.remote.slot });
    tables.setPeer(thirdNode[family], { identity: identities.remoteNode, node: tunnels.third.slot });
    tables.setPeer(thirdPod[family], { identity: identities.remotePod, node: tunnels.third.slot });
  }
}

/** Packets from the client to the server. */
export function clientToServer(family: Family): Talk {
  return new Talk(family, client, server);
}
