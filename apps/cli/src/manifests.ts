import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyReference } from '@myelin/contracts/policy';
import {
  formatManifestError,
  inOrder,
  type Manifest,
  type ManifestError,
  type ManifestFile,
  parseManifests,
  unknownKind,
} from '@myelin/manifest';
import { parsePolicy, policyKindOf, policyKinds } from '@myelin/policy-parse';
import { CommandFailure, exitCodes } from './failure.ts';

/** A policy document of a file. */
export interface PolicyDocument {
  readonly reference: PolicyReference;
  readonly value: unknown;
}

/** Collects while reading. */
interface Reading {
  readonly policies: PolicyDocument[];
  readonly errors: ManifestError[];
  readonly notes: string[];
  /** Where each policy stands. */
  readonly places: Map<string, Manifest>;
}

/** Reads and checks all files before anything is done with one; problems of all of them come in one CommandFailure. Other kinds are passed over with a word. */
export async function readPolicies(names: readonly string[], say: (text: string) => void): Promise<readonly PolicyDocument[]> {
  const files = names.flatMap(readFiles);
  const { manifests, errors } = parseManifests(files);
  const reading: Reading = { policies: [], errors: [...errors], notes: [], places: new Map() };
  for (const manifest of manifests) {
    if (policyKindOf(manifest) === 'other') readOther(manifest, reading);
    else readPolicy(manifest, reading);
  }
  if (reading.errors.length > 0) {
    const problems = inOrder(reading.errors, files).map((error) => `  ${formatManifestError(error)}`);
    throw new CommandFailure(`nothing was applied:\n${problems.join('\n')}`, exitCodes.usage);
  }
  for (const note of reading.notes) say(note);
  return reading.policies;
}

function readOther(manifest: Manifest, { errors, notes }: Reading): void {
  const unknown = unknownKind(manifest, policyKinds);
  if (unknown === null) notes.push(`${manifest.file}: ${manifest.kind} is no policy kind: passed over`);
  else errors.push(unknown);
}

function readPolicy(manifest: Manifest, { policies, errors, notes, places }: Reading): void {
  const parsed = parsePolicy(manifest);
  if (!parsed.ok) {
    errors.push(...parsed.errors);
    return;
  }
  notes.push(...parsed.warnings.map(formatManifestError));
  const { kind, namespace, name } = parsed.policy.reference;
  const key = [kind, namespace, name].join('/');
  const first = places.get(key);
  if (first === undefined) {
    places.set(key, manifest);
    policies.push({ reference: parsed.policy.reference, value: manifest.value });
  } else {
    const message = `${key} stands in ${first.file}, document ${first.document}, already`;
    errors.push(manifest.errorAt({ path: ['metadata', 'name'], message, expected: 'each policy once' }));
  }
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
