import { type Flow, Verdict } from '@myelin/contracts/flow';
import type { LabClients } from '../cluster/clients.ts';

/** The connection that a drop is looked for. `sourcePort` 0: any. */
export interface DropQuery {
  readonly protocol: 'TCP' | 'UDP' | 'ICMP';
  readonly destination: string;
  readonly port: number;
  readonly source: readonly string[];
  readonly sourcePort: number;
}

/** Follows the drops that agents report, from its making on. */
export class EventLog implements Disposable {
  readonly #drops: Flow[] = [];
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(clients: LabClients, nodes: readonly string[]) {
    for (const node of nodes) void this.#follow(clients, node);
  }

  /** The latest drop of a connection; waits for it, as events take a moment. Undefined after `waitMs`. */
  async find(query: DropQuery, waitMs: number): Promise<Flow | undefined> {
    const ends = performance.now() + waitMs;
    for (;;) {
      const found = this.#drops.findLast((flow) => matches(flow, query));
      const left = ends - performance.now();
      if (found !== undefined || left <= 0) return found;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #follow(clients: LabClients, node: string): Promise<void> {
    const request = { verdicts: ['DROPPED'], pods: [], identities: [], ports: [], last: 0, follow: true };
    try {
      for await (const { flow } of clients.agent(node).monitor(request, { signal: this.#stop.signal })) {
        if (flow?.verdict !== Verdict.DROPPED) continue;
        this.#drops.push(flow);
        for (const wake of [...this.#waiting]) wake();
      }
    } catch (error) {
      // Without events the expectations fail by themselves; the reason is worth a word.
      if (!this.#stop.signal.aborted) process.stderr.write(`demo: events of ${node}: ${(error as Error).message}\n`);
    }
  }
}

function matches({ IP: ip, l4 }: Flow, query: DropQuery): boolean {
  if (ip?.destination !== query.destination || !query.source.includes(ip.source)) return false;
  const part = l4?.protocol;
  if (query.protocol === 'ICMP') return part?.$case === 'ICMPv4' || part?.$case === 'ICMPv6';
  if (part?.$case !== query.protocol) return false;
  return part.value.destinationPort === query.port && (query.sourcePort === 0 || part.value.sourcePort === query.sourcePort);
}
