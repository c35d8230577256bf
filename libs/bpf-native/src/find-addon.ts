import { existsSync } from 'node:fs';
import { join } from 'node:path';

const file = 'bpf_native.node';

/**
 * The path of the compiled addon: what `MYELIN_BPF_NATIVE` names, else the file beside this one (a bundle, `tools/setup/src/bundle.mjs` puts it
 * there), else the library's build folder. Throws an Error that says how to build it.
 */
export function findAddon(): string {
  const named = process.env.MYELIN_BPF_NATIVE;
  const candidates = named ? [named] : [join(import.meta.dirname, file), join(import.meta.dirname, '..', 'build', file)];
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${file} is not at ${candidates.join(' or ')}: run "npm run build"`);
  return found;
}
