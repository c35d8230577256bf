#!/usr/bin/env node
// Writes all generated code: contracts from proto/, layouts from the BTF of the BPF objects.
import { join } from 'node:path';
import { generateLayouts } from '@myelin/tool-codec-gen';
import { generateContracts } from './contracts.ts';

const problems = await generateContracts(join(import.meta.dirname, '..', '..', '..'));
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
for (const file of await generateLayouts({ check: false })) console.log(`wrote ${file}`);
