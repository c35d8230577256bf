#!/usr/bin/env node
// node tools/release/src/main.ts: writes bpf/releases/<version>, the test data of the version that package.json names, from bpf/build.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeRelease } from './data.ts';

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8')) as { version: string };
const changed = writeRelease(version);
for (const file of changed) console.log(`wrote bpf/releases/${version}/${file}`);
if (changed.length === 0) console.log(`bpf/releases/${version} is what this tree builds`);
