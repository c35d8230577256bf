import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatManifestError, inOrder, type ManifestFile } from '@myelin/manifest';
import { LabFailure } from '../failure.ts';
import { checkWhole } from '../plan/check-whole.ts';
import type { LabObjects } from '../plan/objects.ts';
import { readObjects } from '../plan/read-objects.ts';
import type { LabState } from '../plan/state.ts';

/** Reads and checks all files before anything is done with one. Throws one LabFailure with everything that is wrong. `state`: what they are added to. */
export function readInput(names: readonly string[], state: LabState | null, say: (text: string) => void): LabObjects {
  const texts = names.flatMap(readFiles);
  const read = readObjects(texts);
  const errors = inOrder([...read.errors, ...(state === null ? [] : checkWhole(read, state))], texts);
  if (errors.length > 0)
    throw new LabFailure(`nothing was changed:\n${errors.map((error) => `  ${formatManifestError(error)}`).join('\n')}`);
  for (const note of read.notes) say(note);
  return read.objects;
}

function readFiles(name: string): readonly ManifestFile[] {
  try {
    if (name === '-') return [{ file: 'standard input', text: readFileSync(0, 'utf8') }];
    if (!statSync(name).isDirectory()) return [{ file: name, text: readFileSync(name, 'utf8') }];
  } catch (error) {
    throw new LabFailure(`can't read ${name}: ${(error as NodeJS.ErrnoException).message}`);
  }
  const members = readdirSync(name).filter((member) => /\.(ya?ml|json)$/.test(member));
  if (members.length === 0) throw new LabFailure(`${name}: no .yaml, .yml or .json file in this folder (folders below it are not read)`);
  return members.sort().flatMap((member) => readFiles(join(name, member)));
}
