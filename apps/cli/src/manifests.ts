import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyReference } from '@myelin/contracts/policy';
import { formatManifestError, type ManifestFile, parseManifests } from '@myelin/manifest';
import { parsePolicy, policyKindOf } from '@myelin/policy-parse';
import { CommandFailure, exitCodes } from './failure.ts';

/** A policy document of a file. */
export interface PolicyDocument {
  readonly reference: PolicyReference;
  readonly value: unknown;
}

/** Reads and checks all files before anything is done with one; problems of all of them come in one CommandFailure. Other kinds are passed over with a word. */
export async function readPolicies(names: readonly string[], say: (text: string) => void): Promise<readonly PolicyDocument[]> {
  const { manifests, errors } = parseManifests(names.flatMap(readFiles));
  const problems = errors.map(formatManifestError);
  const policies: PolicyDocument[] = [];
  for (const manifest of manifests) {
    if (policyKindOf(manifest) === 'other') {
      say(`${manifest.file}: ${manifest.kind} is no policy kind: passed over`);
      continue;
    }
    const parsed = parsePolicy(manifest);
    if (parsed.ok) policies.push({ reference: parsed.policy.reference, value: manifest.value });
    else problems.push(...parsed.errors.map(formatManifestError));
  }
  if (problems.length > 0)
    throw new CommandFailure(`nothing was applied:\n${problems.map((problem) => `  ${problem}`).join('\n')}`, exitCodes.usage);
  return policies;
}

function readFiles(name: string): readonly ManifestFile[] {
  try {
    if (name === '-') return [{ file: 'standard input', text: readFileSync(0, 'utf8') }];
    if (!statSync(name).isDirectory()) return [{ file: name, text: readFileSync(name, 'utf8') }];
    const members = readdirSync(name).filter((member) => /\.(ya?ml|json)$/.test(member));
    if (members.length === 0) throw new CommandFailure(`${name}: no .yaml, .yml or .json file in this folder`, exitCodes.usage);
    return members.sort().flatMap((member) => readFiles(join(name, member)));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`can't read ${name}: ${(error as NodeJS.ErrnoException).message}`, exitCodes.usage);
  }
}
