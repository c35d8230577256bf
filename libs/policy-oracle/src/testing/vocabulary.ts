/*
 * Few words, so that selectors, prefixes and ports of independent draws really meet.
 */

/** Keys and values of pods' labels. */
export const podLabels = { app: ['web', 'api', 'db'], tier: ['front', 'back', ''] } as const;

/** Keys and values of namespaces' labels. */
export const namespaceLabels = { team: ['red', 'blue'], env: ['prod', ''] } as const;

export const namespaces = ['shop', 'bank', 'ops'] as const;
export const serviceAccounts = ['', 'default', 'robot'] as const;

/** Ports as policies name them, edges of the range among them. */
export const portNumbers = [1, 53, 79, 80, 81, 443, 8080, 8081, 9090, 65535] as const;

/** Names that pods give to some of their ports, each with the numbers and protocols that it may stand for; nobody has `nosuch`. */
export const portNames = {
  http: { numbers: [80, 8080], protocols: ['TCP'] },
  dns: { numbers: [53, 54], protocols: ['UDP', 'TCP'] },
  metrics: { numbers: [8080, 9090], protocols: ['TCP', 'SCTP'] },
} as const satisfies Record<string, { numbers: readonly number[]; protocols: readonly ('TCP' | 'UDP' | 'SCTP')[] }>;
export const policyPortNames = [...Object.keys(portNames), 'nosuch'];

/** Addresses outside the cluster, in and beside the prefixes below. */
export const outsideAddresses = [
  '198.51.100.10',
  '198.51.100.77',
  '203.0.113.7',
  '8.8.8.8',
  '2001:db8:ffff::10',
  '2001:db8:1::7',
  '3fff::1',
];

/** Address of the endpoint with this number on a node, and of a node. Both count from 1. */
export const endpointAddresses = (node: number, endpoint: number) => [`10.244.${node}.${endpoint}`, `fd00:10:244:${node}::${endpoint}`];
export const nodeAddresses = (node: number) => [`192.168.0.${node}`, `fd00:192:168::${node}`];

/** Prefixes that nest, overlap, end inside a byte, and cover pods, nodes and the outside; some with bits set beyond their length. */
export const prefixes = [
  ...['0.0.0.0/0', '128.0.0.0/1', '10.0.0.0/8', '10.244.0.0/15', '10.244.1.0/24', '10.244.1.5/24', '10.244.2.0/24', '10.244.1.0/30'],
  ...['10.244.1.1/32', '10.244.1.2/32', '10.244.2.3/32', '192.168.0.0/16', '192.168.0.1/32', '192.168.0.2/31', '198.51.100.0/24'],
  ...['198.51.100.0/26', '198.51.100.10/32', '203.0.112.0/23', '203.0.113.7/32', '8.0.0.0/7'],
  ...[
    '::/0',
    '2000::/3',
    'fd00::/8',
    'fd00:10:244::/47',
    'fd00:10:244:1::/64',
    'fd00:10:244:1::9/64',
    'fd00:10:244:2::/64',
    'fd00:10:244:1::/126',
  ],
  ...['fd00:10:244:1::1/128', 'fd00:10:244:2::3/128', 'fd00:192:168::/48', 'fd00:192:168::1/128', '2001:db8::/32', '2001:db8:ffff::/48'],
  ...['2001:db8:ffff::10/128', '2001:db8:1::/49'],
];
