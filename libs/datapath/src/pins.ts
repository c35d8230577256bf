import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Folders in the BPF file system, below the node's own. */
const folders = ['maps', 'links'] as const;

/** A BPF file system takes no dots in names. Maps in force; those of another layout that are about to be; those that were. */
export type MapFolder = 'maps' | 'maps-next' | 'maps-last';

/** Where a map is pinned. */
export function mapPin(bpffs: string, name: string, folder: MapFolder = 'maps'): string {
  return join(bpffs, folder, name);
}

/** Where the link of a program at an interface is pinned (kernels with tcx). */
export function linkPin(bpffs: string, interfaceName: string, program: string): string {
  return join(bpffs, 'links', `${interfaceName}-${program}`);
}

/** Makes the folders; there already is success. */
export function makePinFolders(bpffs: string): void {
  for (const folder of folders) mkdirSync(join(bpffs, folder), { recursive: true, mode: 0o700 });
}

/** Begins a set of maps beside those in force, which take part in it but for `replaced`: `share(from, to)` pins one map a second time. What an interrupted migration left of such a set goes. */
export function beginNextMaps(bpffs: string, replaced: ReadonlySet<string>, share: (from: string, to: string) => void): void {
  rmSync(join(bpffs, 'maps-next'), { recursive: true, force: true });
  mkdirSync(join(bpffs, 'maps-next'), { mode: 0o700 });
  for (const name of readdirSync(join(bpffs, 'maps')))
    if (name !== 'layout' && !replaced.has(name)) share(mapPin(bpffs, name), mapPin(bpffs, name, 'maps-next'));
}

/** The next maps are in force from now on. Killed between the two: `finishNextMaps` does the rest. */
export function commitNextMaps(bpffs: string): void {
  renameSync(join(bpffs, 'maps'), join(bpffs, 'maps-last'));
  finishNextMaps(bpffs);
}

/** Ends what a killed process has begun to commit; nothing to do is success. */
export function finishNextMaps(bpffs: string): void {
  const isHalfDone = existsSync(join(bpffs, 'maps-last')) && !existsSync(join(bpffs, 'maps'));
  if (isHalfDone) renameSync(join(bpffs, 'maps-next'), join(bpffs, 'maps'));
  rmSync(join(bpffs, 'maps-last'), { recursive: true, force: true });
}

/** Interfaces that have a pinned link. */
export function linkedInterfaces(bpffs: string): readonly string[] {
  const names = readdirSync(join(bpffs, 'links')).map((name) => name.slice(0, name.lastIndexOf('-')));
  return [...new Set(names)];
}

/** Takes everything of a node away: what isn't attached elsewhere is gone from the kernel. Missing is success. */
export function removePins(bpffs: string): void {
  for (const folder of [...folders, 'maps-next', 'maps-last']) rmSync(join(bpffs, folder), { recursive: true, force: true });
}

/** Interfaces that have a link of this program. */
export function interfacesLinkedTo(bpffs: string, program: string): readonly string[] {
  const end = `-${program}`;
  return readdirSync(join(bpffs, 'links')).flatMap((name) => (name.endsWith(end) ? [name.slice(0, -end.length)] : []));
}
