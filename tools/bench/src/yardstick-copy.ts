import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of the shared folder that the project keeps an unchanged copy of. */
const copied = ['Makefile', 'bars.json', 'yardstick.bpf.c', 'yardstick.c', 'yardstick.mjs'];

/**
 * Says where the project's copy of the yardsticks and bars differs from the shared folder beside the project; nothing where there is no such folder (a clone of the
 * project doesn't have it). `root`: the project's root folder.
 */
export async function checkYardstickCopy(root: string): Promise<readonly string[]> {
  const original = join(root, '..', 'shared', 'bench');
  const copy = join(root, 'tools', 'bench', 'yardstick');
  if (!existsSync(original)) return [];
  const differing = copied.filter((name) => !isSame(join(original, name), join(copy, name)));
  const surplus = readdirSync(copy).filter((name) => !copied.includes(name));
  return [
    ...differing.map((name) => `tools/bench/yardstick/${name} differs from ../shared/bench/${name}: copy it anew`),
    ...surplus.map((name) => `tools/bench/yardstick/${name} is no part of the copy`),
  ];
}

function isSame(original: string, copy: string): boolean {
  return existsSync(copy) && existsSync(original) && readFileSync(original).equals(readFileSync(copy));
}
