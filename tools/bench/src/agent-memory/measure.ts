import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandContext, fault, type Lab, LabClients, openLab, readConfig, runningLab, takeDown, up } from '@myelin/tool-lab';
import { OtherLoad } from '../other-load.ts';
import type { Measured, Measurement } from '../result.ts';
import { farEndpoints, publishFarEndpoints } from './far-node.ts';

export const agentMemoryName = 'agent-memory-per-remote-endpoint';

/** How often memory is looked at while it settles, how long that takes at least, and what counts as settled. */
const settling = { everyMs: 1000, looks: 8, withinKib: 512 } as const;

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/**
 * What one dual-stack endpoint of another node costs the agent, in bytes of resident memory: a lab of one node, whose allocator is told of a second one with `farEndpoints` endpoints.
 * The agent learns of them one by one, then once more all at once after a restart; the greater of the two figures counts.
 */
export async function measureAgentMemory(): Promise<Measurement> {
  const root = await mkdtemp(join(tmpdir(), 'bench-'));
  const config = { ...readConfig(), labDir: join(root, 'lab'), isNamed: true };
  const context = { config, print: () => {}, say };
  const load = new OtherLoad();
  try {
    if ((await up(context, [join(import.meta.dirname, 'lab.yaml')], 60, { routing: 'overlay', underlay: 'ipv4', replicas: 1 })) !== 0)
      throw new Error('the lab did not start');
    return { yardsticks: {}, otherLoad: load.share(), measured: [await measureIn(context)] };
  } finally {
    await takeDown(openLab(config));
    await rm(root, { recursive: true, force: true });
  }
}

async function measureIn(context: CommandContext): Promise<Measured> {
  const lab = runningLab(context.config);
  using clients = new LabClients(lab);
  const node = lab.state.nodes[0]!.name;
  const known = async () => {
    const { maps } = await clients.agent(node).getStatus({});
    return ['addresses_v4', 'addresses_v6'].map((name) => Number(maps.find(({ map }) => map === name)?.entries ?? 0));
  };
  const before = await settledKib(lab);
  say(`allocating ${farEndpoints} endpoints of another node`);
  await publishFarEndpoints(lab, clients);
  await knows(known);
  const grown = await settledKib(lab);
  say('restarting the agent');
  for (const what of ['kill', 'start'] as const) await fault(context, { what, process: `node-agent:${node}` }, 60);
  await knows(known);
  const restarted = await settledKib(runningLab(context.config));
  const each = (kib: number) => ((kib - before) * 1024) / farEndpoints;
  const value = Math.max(each(grown), each(restarted));
  const mib = (kib: number) => `${(kib / 1024).toFixed(0)} MiB`;
  return {
    name: agentMemoryName,
    raw: { median: value, best: value },
    evidence: `${(await known()).join(' + ')} addresses in the agent's tables; ${mib(before)} before, ${mib(grown)} after they came, ${mib(restarted)} after a restart`,
  };
}

/** Resolves once both families of all far endpoints are in the kernel. */
async function knows(known: () => Promise<readonly number[]>): Promise<void> {
  for (const started = performance.now(); (await known()).some((count) => count < farEndpoints); await sleep(200))
    if (performance.now() - started > 60_000) throw new Error(`the agent knows ${(await known()).join(' + ')} addresses after a minute`);
}

/** Resident memory of the first node's agent once it stands still, in KiB. */
async function settledKib(lab: Lab): Promise<number> {
  const looks: number[] = [];
  for (;;) {
    looks.push(residentKib(lab.state.nodes[0]!.agent!.pid));
    const last = looks.slice(-settling.looks);
    if (last.length === settling.looks && Math.max(...last) - Math.min(...last) < settling.withinKib) return last.at(-1)!;
    if (looks.length === 60) return Math.max(...last);
    await sleep(settling.everyMs);
  }
}

const residentKib = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
