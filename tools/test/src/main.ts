#!/usr/bin/env node
import { join } from 'node:path';
import { add, closingLine, nothing } from './counts.ts';
import type { Outcome } from './outcome.ts';
import { runSuite } from './run-suite.ts';
import { type Suite, suites } from './suites.ts';

const usage = `usage: npm test [-- [suite …] [--filter text]]      npm run test:nightly
  Runs the suites (all, or the named ones) and ends with "N passed, N failed, N skipped".
${suites.map((suite) => `  ${suite.name.padEnd(12)} ${suite.shows} (budget ${suite.budgetSeconds} s)`).join('\n')}
  --filter T   only test files whose path contains T
  --nightly    the long suites in full size`;

const words = process.argv.slice(2);
if (words.includes('--help') || words.includes('-h')) {
  console.log(usage);
  process.exit(0);
}
const nightly = words.includes('--nightly');
const filterAt = words.indexOf('--filter');
const filters = filterAt < 0 ? [] : words.slice(filterAt + 1, filterAt + 2);
const names = words.filter((word, index) => !word.startsWith('--') && (filterAt < 0 || index !== filterAt + 1));
const wrong =
  names.find((name) => !suites.some((suite) => suite.name === name)) ??
  words.find((word) => word.startsWith('--') && !['--nightly', '--filter'].includes(word));
if (wrong !== undefined) {
  console.error(`test: unknown suite or option "${wrong}"\n${usage}`);
  process.exit(2);
}
if (nightly) process.env.MYELIN_NIGHTLY = '1';

const root = join(import.meta.dirname, '..', '..', '..');
const rows: { name: string; outcome: Outcome; seconds: number; budget: number }[] = [];

async function take(suite: Suite): Promise<void> {
  const budget = nightly ? suite.nightlyBudgetSeconds : suite.budgetSeconds;
  console.log(`\n=== ${suite.name}: ${suite.shows}`);
  const started = performance.now();
  const outcome = await runSuite(suite, root, budget * 6, filters);
  rows.push({ name: suite.name, outcome, seconds: (performance.now() - started) / 1000, budget });
}

const wanted = suites.filter(({ name }) => names.length === 0 || names.includes(name));

/** Takes suites, in their order, as one after the other ends: each keeps about one processor busy, and two are what a small machine has. */
async function work(): Promise<void> {
  for (let suite = wanted.shift(); suite !== undefined; suite = wanted.shift()) await take(suite);
}
await Promise.all([work(), work()]);

for (const { name, outcome } of rows) for (const one of outcome.failed) console.log(`\nFAILED ${name}: ${one}`);
console.log('\nsuite         passed  failed skipped   seconds  budget');
for (const { name, outcome, seconds, budget } of rows) {
  const { counts } = outcome;
  const over = seconds > budget ? '  over budget' : '';
  console.log(
    `${name.padEnd(12)} ${String(counts.passed).padStart(7)} ${String(counts.failed).padStart(7)} ${String(counts.skipped).padStart(7)} ${seconds.toFixed(1).padStart(9)} ${String(budget).padStart(7)}${over}`,
  );
}
const total = rows.reduce((sum, row) => add(sum, row.outcome.counts), nothing);
console.log(closingLine(total));
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
