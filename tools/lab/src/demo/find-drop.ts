import { setTimeout as delay } from 'node:timers/promises';
import type { Flow } from '@myelin/contracts/flow';
import type { LabClients } from '../cluster/clients.ts';

/** The connection that a drop is looked for. `sourcePort` 0: any. */
export interface DropQuery {
  readonly protocol: 'TCP' | 'UDP' | 'ICMP';
  readonly destination: string;
  readonly port: number;
  readonly source: readonly string[];
  readonly sourcePort: number;
}

/** How many drops an agent is asked for. */
const remembered = 1000;
/** Events come within tens of milliseconds; repeats of a drop are reported once a second. */
const waitMs = 2000;

/** The latest drop of a connection that the nodes' agents remember; waits for it, as events take a moment. Undefined when none comes. */
export async function findDrop(clients: LabClients, nodes: readonly string[], query: DropQuery): Promise<Flow | undefined> {
  const port = query.sourcePort || query.port;
  const request = { verdicts: ['DROPPED'], pods: [], identities: [], ports: port === 0 ? [] : [port], last: remembered, follow: false };
  for (const started = performance.now(); ; await delay(50)) {
    let found: Flow | undefined;
    for (const node of nodes)
      for await (const { flow } of clients.agent(node).monitor(request)) if (flow && matches(flow, query)) found = flow;
    if (found !== undefined || performance.now() - started > waitMs) return found;
  }
}

function matches({ IP: ip, l4 }: Flow, query: DropQuery): boolean {
  if (ip?.destination !== query.destination || !query.source.includes(ip.source)) return false;
  const part = l4?.protocol;
  if (query.protocol === 'ICMP') return part?.$case === 'ICMPv4' || part?.$case === 'ICMPv6';
  if (part?.$case !== query.protocol) return false;
  return part.value.destinationPort === query.port && (query.sourcePort === 0 || part.value.sourcePort === query.sourcePort);
}
