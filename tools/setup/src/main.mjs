#!/usr/bin/env node
// Prepares the machine and the tree, then runs a command: `node tools/setup/src/main.mjs [--quiet] [--emulator] [--bench] [-- command …]`.
// Plain JavaScript for Node 20: it runs on the machine's Node, before there is a node_modules.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { build } from './build.mjs';
import { checkMachine } from './machine.mjs';
import { installBenchmarks, installEmulator, installNodePackages, installSystemPackages, nodeBinFolder, root } from './packages.mjs';

const usage = `usage: node tools/setup/src/main.mjs [--quiet] [--emulator] [--bench] [-- command …]
  Installs what is missing (Debian packages by apt, the rest by npm), builds what has changed, and runs the command
  with the project's own Node. With nothing to do it takes about a second.
  --quiet      say something only where something is done
  --emulator   install what tests on other kernels need, too
  --bench      install what benchmarks compare with, too`;

const words = process.argv.slice(2);
const split = words.indexOf('--');
const flags = split < 0 ? words : words.slice(0, split);
const command = split < 0 ? [] : words.slice(split + 1);
if (flags.includes('--help') || flags.includes('-h')) {
  console.log(usage);
  process.exit(0);
}
const unknown = flags.find((flag) => !['--quiet', '--emulator', '--bench'].includes(flag));
if (unknown) {
  console.error(`setup: unknown option ${unknown}\n${usage}`);
  process.exit(2);
}

/** Progress goes to stderr, so that `--json` output of the command stays clean. */
const say = (text) => console.error(`setup: ${text}`);

try {
  checkMachine();
  const started = Date.now();
  const extras = async () => [
    flags.includes('--emulator') && (await installEmulator(say)),
    flags.includes('--bench') && (await installBenchmarks(say)),
  ];
  // Side by side: apt, one package set after the other, and npm wait for different servers; the build needs both, but nothing of the extras.
  const system = installSystemPackages(say);
  const apt = system.then(async (installed) => [installed, ...(await extras())]);
  const built = both(system, installNodePackages(say)).then(async ([, packages]) => {
    process.env.PATH = [nodeBinFolder(), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
    return [packages, await build(say)];
  });
  const done = (await both(apt, built)).flat();
  if (!flags.includes('--quiet') || done.some(Boolean)) say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exit(1);
}

/** Both results. Where one fails, its error, once the other has ended too: no installer is left half-way. */
async function both(...actions) {
  const outcomes = await Promise.allSettled(actions);
  const failed = outcomes.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  return outcomes.map(({ value }) => value);
}

if (command.length > 0) {
  // Ctrl-C reaches the whole foreground group: the command decides what it means, we only wait for it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  const { status, signal, error } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' });
  if (error) {
    console.error(`setup: cannot run ${command[0]}: ${error.message}`);
    process.exit(127);
  }
  process.exit(signal ? 128 + constants.signals[signal] : status);
}
