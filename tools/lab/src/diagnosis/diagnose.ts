import { readFileSync } from 'node:fs';
import { MonitorRequest } from '@myelin/contracts/agent';
import type { Flow } from '@myelin/contracts/flow';
import { LabClients } from '../cluster/clients.ts';
import type { Lab } from '../cluster/lab.ts';
import { agentLog } from '../cluster/node.ts';
import { flowLine, portsOf } from './flow-line.ts';
import { lastWarnings } from './log-warnings.ts';
import { describeNode, type KernelView, kernelViews } from './node-state.ts';
import { describePath } from './path.ts';
import { endsOf, partakers, type Trouble, type TroubleEnds, troubleLine } from './trouble.ts';

/** What nobody answers in so many milliseconds is left out, and said so. */
const patienceMs = 3000;
/** Of each kind as many as say something; a broken lab has the same to say of all. */
const most = { troubles: 3, events: 4, warnings: 3, lines: 60 } as const;

/** Reads who a node's kernel takes for the holder of an address, in words; only tests may open its maps. */
export type HolderReader = (node: string, address: string) => string;

/**
 * What the lab knows of probes that came to something else than was expected, at this moment: events of the pair, states of pods and nodes, who has the addresses, routes and neighbours, and the agents'
 * last warnings. At most 60 lines, in some seconds; what can't be had is said in its place. Never throws.
 */
export async function diagnose(lab: Lab, troubles: readonly Trouble[], holderAt?: HolderReader): Promise<readonly string[]> {
  using clients = new LabClients(lab);
  const told = oneOfEach(troubles)
    .slice(0, most.troubles)
    .map((trouble) => ({ trouble, ends: endsOf(lab.state, trouble.probe) }));
  const { nodes, pods } = partakers(told.map(({ ends }) => ends));
  const kernels = await kernelViews(clients, nodes, answer);
  const parts = await Promise.all([
    ...told.map(({ trouble, ends }) => describeTrouble(lab, clients, trouble, ends, nodes, holderAt)),
    ...pods.map(async (pod) => kernels.flatMap((view) => podLines(view, pod))),
    ...nodes.map((node) => answer(node, describeNode(lab, clients, node))),
    ...nodes.map(async (node) => warningsOf(lab, node)),
  ]);
  const left = troubles.length - told.length;
  const lines = [...(left > 0 ? [`(${left} more are not told of)`] : []), ...parts.flat()];
  return lines.length <= most.lines ? lines : [...lines.slice(0, most.lines - 1), `(${lines.length - most.lines + 1} more lines)`];
}

/** What differs over both families first over one of them: two kinds of trouble tell more than one told twice. */
function oneOfEach(troubles: readonly Trouble[]): readonly Trouble[] {
  const kinds = new Map(troubles.map((trouble) => [kindOf(trouble), trouble]));
  const first = new Set(kinds.values());
  return [...first, ...troubles.filter((trouble) => !first.has(trouble))];
}

const kindOf = ({ probe: { from, to, protocol, port } }: Trouble) => `${from} ${to} ${protocol} ${port}`;

/** What is asked of a part, or why it has no answer. */
async function answer(of: string, asked: Promise<readonly string[]>): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([`  ${of}: no answer within ${patienceMs / 1000} s`]), patienceMs);
  });
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    return [`  ${of}: ${(error as Error).message}`];
  } finally {
    clearTimeout(timer);
  }
}

async function describeTrouble(
  lab: Lab,
  clients: LabClients,
  trouble: Trouble,
  ends: TroubleEnds,
  nodes: readonly string[],
  holderAt: HolderReader | undefined,
): Promise<readonly string[]> {
  const addresses = [ends.source.address, ends.destination.address];
  const parts = await Promise.all([
    ...nodes.map((node) => answer(`events of ${node}`, eventsOf(clients, node, trouble, addresses))),
    ...addresses.map((address) => answer(`whois ${address}`, whoIs(clients, address))),
    answer('way', describePath(lab, ends)),
  ]);
  const holders =
    holderAt === undefined ? [] : nodes.map((node) => addresses.map((address) => holderLine(holderAt, node, address)).join('; '));
  return [troubleLine(trouble, ends), ...parts.flat(), ...holders.map((line) => `  ${line}`)];
}

function holderLine(holderAt: HolderReader, node: string, address: string): string {
  try {
    return `kernel of ${node}: ${address} is ${holderAt(node, address)}`;
  } catch (error) {
    return `kernel of ${node}: ${address}: ${(error as Error).message}`;
  }
}

async function eventsOf(
  clients: LabClients,
  node: string,
  { probe, outcome }: Trouble,
  pair: readonly string[],
): Promise<readonly string[]> {
  const found: Flow[] = [];
  const isAbout = (flow: Flow) => {
    const ports = portsOf(flow);
    const isPair = pair.includes(flow.IP?.source ?? '') && pair.includes(flow.IP?.destination ?? '');
    const isPort = ports.length === 0 || ports.includes(outcome.sourcePort === 0 ? (probe.port ?? 0) : outcome.sourcePort);
    return isPair && isPort;
  };
  const request = MonitorRequest.fromPartial({ last: 1000 });
  for await (const { flow } of clients.agent(node, patienceMs).monitor(request)) if (flow && isAbout(flow)) found.push(flow);
  if (found.length === 0) return [`  events of ${node}: none of this exchange`];
  return found.slice(-most.events).map((flow) => `  event of ${node}: ${flowLine(flow)}`);
}

async function whoIs(clients: LabClients, address: string): Promise<readonly string[]> {
  const { identity, node, namespace, name } = await clients.identity().whoIs({ address });
  const who = node === '' ? (identity?.labels.join(', ') ?? 'nobody') : `${namespace === '' ? 'node' : `${namespace}/${name}`} on ${node}`;
  return [`  whois ${address}: ${identity?.number ?? 'no identity'}, ${who}`];
}

function podLines(view: KernelView, pod: string): readonly string[] {
  const line = view.pods.get(pod);
  return line === undefined ? [] : [`${pod} on ${view.node}: ${line}`];
}

function warningsOf(lab: Lab, node: string): readonly string[] {
  try {
    const log = readFileSync(agentLog(lab, { name: node }), 'utf8');
    const found = lastWarnings(log, most.warnings);
    return found.length === 0 ? [`${node}: its agent has warned of nothing`] : found.map((line) => `${node}'s agent: ${line}`);
  } catch (error) {
    return [`${node}: ${(error as Error).message}`];
  }
}
