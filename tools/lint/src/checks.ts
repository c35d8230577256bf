import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkYardstickCopy } from '@myelin/tool-bench';
import { generateLayouts } from '@myelin/tool-codec-gen';
import type { Check, CheckResult } from './check.ts';
import { problemsOf } from './command.ts';
import { countConditionals } from './conditionals.ts';
import { staleContracts } from './contracts.ts';
import { checkImports } from './layers.ts';
import { missingHeadings } from './readme.ts';
import { readImports, readPackages } from './workspace.ts';

const checks: readonly Check[] = [
  {
    name: 'TypeScript compiles',
    run: (root) => problemsOf(process.execPath, [join(root, 'node_modules/typescript7/bin/tsc'), '-p', 'tsconfig.json'], root),
  },
  {
    name: 'formatted and free of lint (biome)',
    run: (root) => problemsOf('biome', ['ci', '--colors=off', '--max-diagnostics=20', '.'], root),
  },
  { name: 'layers are kept', run: async (root) => checkImports(readPackages(root), readImports(root)) },
  { name: 'contracts keep the style (buf lint)', run: (root) => problemsOf('buf', ['lint'], join(root, 'proto')) },
  { name: 'contracts are generated afresh', run: staleContracts },
  { name: 'layouts are generated afresh', run: async () => staleLayouts() },
  { name: 'BPF code keeps its budget of conditionals', run: async (root) => conditionalProblems(root) },
  { name: 'the yardsticks are copies of the shared ones', run: checkYardstickCopy },
  { name: 'every app, lib and tool has its README', run: async (root) => readmeProblems(root) },
];

/** Runs all checks, one after the other (two cores), and returns their results in order. A check that breaks is a problem of its own. */
export async function runChecks(root: string): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    try {
      results.push({ name, problems: await run(root) });
    } catch (error) {
      results.push({ name, problems: [error instanceof Error ? error.message : String(error)] });
    }
  }
  return results;
}

async function staleLayouts(): Promise<readonly string[]> {
  const stale = await generateLayouts({ check: true });
  return stale.map((file) => `${file} is stale: run "npm run generate" and commit`);
}

function conditionalProblems(root: string): readonly string[] {
  const files = globSync('bpf/{progs,include}/**/*.{c,h}', { cwd: root });
  const { lines, conditionals, allowed } = countConditionals(files.map((file) => readFileSync(join(root, file), 'utf8')));
  return conditionals <= allowed
    ? []
    : [`bpf: ${conditionals} conditionals in ${lines} lines, ${allowed} allowed: make features const volatile data`];
}

function readmeProblems(root: string): readonly string[] {
  return [...globSync('{apps,libs,tools}/*', { cwd: root }), 'bpf', 'e2e'].sort().flatMap((folder) => {
    const file = join(root, folder, 'README.md');
    if (!existsSync(file)) return [`${folder}/README.md is missing`];
    const missing = missingHeadings(readFileSync(file, 'utf8'));
    return missing.length > 0 ? [`${folder}/README.md: headings missing or out of order: ${missing.join(', ')}`] : [];
  });
}
