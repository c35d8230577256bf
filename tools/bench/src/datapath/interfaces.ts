import { execFileSync } from 'node:child_process';
import { interfaceIndex } from '@myelin/bpf-native';

/** A pod's interface as the node sees it: test runs need one that exists. */
export interface PodInterface {
  readonly name: string;
  readonly ifindex: number;
}

/** Makes veth pairs in this network namespace; they go with it. */
export function makeInterfaces(count: number): readonly PodInterface[] {
  const names = Array.from({ length: count }, (_, number) => `pod${number}`);
  const lines = names.map((name, number) => `link add ${name} type veth peer name in-pod${number}\n`);
  execFileSync('ip', ['-batch', '-'], { input: lines.join(''), stdio: ['pipe', 'ignore', 'pipe'] });
  return names.map((name) => ({ name, ifindex: interfaceIndex(name)! }));
}

/** Makes the node's tunnel device. */
export function makeTunnelDevice(): PodInterface {
  execFileSync('ip', ['link', 'add', 'tunnel', 'type', 'vxlan', 'external', 'dstport', '8472', 'nolearning'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { name: 'tunnel', ifindex: interfaceIndex('tunnel')! };
}
