#!/usr/bin/env node
import { runSeed } from './chaos.ts';
import { runClusterSeed } from './cluster/chaos.ts';

const usage = `usage: node tools/simulator/src/main.ts [--seed N] [--seeds COUNT] [--from N] [--cluster]
  Runs the control plane's decisions in a simulated world. --seed prints all that happens in one run. --cluster: agents, allocator and compiler,
  else relays and consumers.
`;

const value = (name: string): number | null => {
  const at = process.argv.indexOf(name);
  return at < 0 ? null : Number(process.argv[at + 1]);
};
const isCluster = process.argv.includes('--cluster');
const run = isCluster ? runClusterSeed : runSeed;
const seed = value('--seed');
const count = seed === null ? (value('--seeds') ?? 1000) : 1;
const from = seed ?? value('--from') ?? 1;
if (process.argv.includes('--help') || !Number.isInteger(count) || !Number.isInteger(from)) {
  process.stdout.write(usage);
  process.exit(process.argv.includes('--help') ? 0 : 1);
}

let failures = 0;
for (let i = from; i < from + count; i++) {
  const { violation, trace } = run(i);
  if (seed !== null) process.stdout.write(`${trace.join('\n')}\n`);
  if (violation === null) continue;
  failures++;
  process.stdout.write(
    `seed ${i}: ${violation.message}\n  replay: node tools/simulator/src/main.ts${isCluster ? ' --cluster' : ''} --seed ${i}\n`,
  );
}
process.stdout.write(`${count} runs, ${failures} violations\n`);
process.exit(failures === 0 ? 0 : 1);
