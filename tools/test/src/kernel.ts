#!/usr/bin/env node
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { closingLine } from './counts.ts';
import { runKernelSuite } from './run-kernel-suite.ts';

const usage = `usage: npm run test:kernel -- [<version>] [--full]
  Runs the datapath's tests on another kernel (default 6.1, Debian 12's own) in an emulated machine.
  --full   all of them instead of the selection that npm test takes (some minutes)`;

const root = join(import.meta.dirname, '..', '..', '..');

function argumentsOf(words: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { full: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  });
  const [version = '6.1', ...others] = positionals;
  if (others.length > 0 || !/^\d+\.\d+$/.test(version)) throw new Error(`not a kernel's version: ${[...positionals].join(' ')}`);
  return { ...values, version };
}

try {
  const { version, full, help } = argumentsOf(process.argv.slice(2));
  if (help) console.log(usage);
  else {
    const { counts, failed } = await runKernelSuite(root, { version, full, limitSeconds: full ? 3600 : 600 });
    for (const one of failed) console.log(`FAILED ${one}`);
    console.log(closingLine(counts));
    process.exitCode = counts.failed > 0 ? 1 : 0;
  }
} catch (error) {
  console.error(`test:kernel: ${(error as Error).message}\n${usage}`);
  process.exitCode = 2;
}
