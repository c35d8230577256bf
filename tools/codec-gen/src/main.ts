#!/usr/bin/env node
// node tools/codec-gen/src/main.ts [--check]: writes the layouts, or says which are stale (exit status 1).
import { parseArgs } from 'node:util';
import { generateLayouts } from './generate.ts';

const { check } = parseArgs({ options: { check: { type: 'boolean', default: false } } }).values;
const files = await generateLayouts({ check });
for (const file of files) console.log(check ? `${file} is stale: run "npm run generate"` : `wrote ${file}`);
if (check && files.length > 0) process.exitCode = 1;
