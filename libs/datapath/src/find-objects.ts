import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The objects of a node's datapath, in the order in which they are loaded. */
const files = ['pod.o', 'sweep.o'] as const;

/**
 * Paths of the compiled BPF objects: in the folder that `MYELIN_BPF_OBJECTS` names, else beside this file (a bundle, `tools/setup/src/bundle.mjs` puts them there), else where
 * "make -C bpf" leaves them. Missing ones are found missing when they are opened.
 */
export function findObjects(): readonly string[] {
  const named = process.env.MYELIN_BPF_OBJECTS;
  const candidates = named ? [named] : [import.meta.dirname, join(import.meta.dirname, '..', '..', '..', 'bpf', 'build')];
  const folder = candidates.find((candidate) => files.every((file) => existsSync(join(candidate, file)))) ?? candidates.at(-1)!;
  return files.map((file) => join(folder, file));
}
