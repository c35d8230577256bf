import type { Sample } from '../statistics.ts';
import { Evidence, type Expected } from './evidence.ts';
import type { BenchNode, NodePod } from './node.ts';
import type { Wrapper } from './wrapper.ts';

/** One measured way through the programs. */
export interface PathOptions {
  readonly node: BenchNode;
  readonly wrapper: Wrapper;
  /** Who sends, one after the other, and what. */
  readonly senders: readonly NodePod[];
  readonly frame: (sender: NodePod) => Buffer;
  /** Packets of each sender in a round. */
  readonly packets: number;
  /** Packets sent before, so that the round finds caches as the last packet left them. */
  readonly warmUp: number;
  /** What the programs have to return. */
  readonly returns: number;
  /** What has to be counted for each packet. */
  readonly expected: Expected;
  /** Puts the node back before each round. */
  readonly prepare?: () => void;
}

/** Measures one path, a round at a time, and keeps account of what the node's counters say about it. */
export class Path {
  readonly evidence: Evidence;
  readonly #options: PathOptions;

  constructor(options: PathOptions) {
    this.evidence = new Evidence(options.expected);
    this.#options = options;
  }

  /** One round, in nanoseconds per packet: the program with its wrapper, and the wrapper by itself. */
  async measure(cpu: number): Promise<Sample> {
    const { node, wrapper, senders, frame, packets, warmUp, returns, prepare } = this.#options;
    await wrapper.real(senders[0]!, frame(senders[0]!), { repeat: warmUp, cpu }, returns);
    prepare?.();
    node.drainEvents();
    let [real, base] = [0, 0];
    for (const sender of senders) {
      const data = frame(sender);
      base += await wrapper.base(sender, data, { repeat: packets, cpu });
      const before = node.counts();
      real += await wrapper.real(sender, data, { repeat: packets, cpu }, returns);
      this.evidence.add(packets, before, node.counts());
      node.drainEvents();
    }
    return { with: real / senders.length, without: base / senders.length };
  }
}
