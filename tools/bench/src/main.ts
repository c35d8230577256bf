#!/usr/bin/env node
import { message } from '@optique/core/message';
import { run } from '@optique/run';
import { commandLine } from './arguments.ts';
import { readBars } from './bars.ts';
import { connectionsOfClient } from './datapath/paths.ts';
import { nothing, report } from './result.ts';
import { suiteOf } from './suites.ts';
import { formatReport } from './table.ts';

const bars = readBars();
const options = run(commandLine(Object.keys(bars)), {
  programName: 'npm run bench --',
  brief: message`Measures Myelin beside a yardstick, and holds the figures against its bars.`,
  help: 'option',
  aboveError: 'usage',
  errorExitCode: 2,
});

const suite = suiteOf(options.suite);
const known = new Set([...Object.keys(bars[options.suite]!), ...suite.names]);
const only = options.only?.split(',').filter((name) => name !== '') ?? null;
const unknown = only?.find((name) => !known.has(name));
if (unknown !== undefined) {
  process.stderr.write(`bench: suite ${options.suite} has no result ${unknown}; it has ${[...known].join(', ')}\n`);
  process.exit(2);
}

try {
  const built = suite.names.filter((name) => only === null || only.includes(name));
  const measurement =
    built.length === 0 ? nothing : await suite.measure({ only, rounds: options.rounds ?? suite.rounds, connectionsOfClient });
  const result = report(options.suite, bars[options.suite]!, measurement, { only, reasonOf: suite.reasonOf });
  process.stdout.write(`${options.json ? JSON.stringify(result) : formatReport(result)}\n`);
  const missed = result.results.some(({ ok }) => ok === false);
  process.exitCode = options.gate && missed ? 1 : 0;
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
