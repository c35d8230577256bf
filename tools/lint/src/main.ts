#!/usr/bin/env node
import { join } from 'node:path';
import { runChecks } from './checks.ts';

const results = await runChecks(join(import.meta.dirname, '..', '..', '..'));
for (const { name, problems } of results) {
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  for (const problem of problems) console.log(`       ${problem}`);
}
process.exit(results.some((result) => result.problems.length > 0) ? 1 : 0);
