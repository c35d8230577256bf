import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Folders in the BPF file system, below the node's own. */
const folders = ['maps', 'links'] as const;

/** Where a map is pinned. */
export function mapPin(bpffs: string, name: string): string {
  return join(bpffs, 'maps', name);
}

/** Where the link of a program at an interface is pinned (kernels with tcx). */
export function linkPin(bpffs: string, interfaceName: string, program: string): string {
  return join(bpffs, 'links', `${interfaceName}-${program}`);
}

/** Makes the folders; there already is success. */
export function makePinFolders(bpffs: string): void {
  for (const folder of folders) mkdirSync(join(bpffs, folder), { recursive: true, mode: 0o700 });
}

/** Interfaces that have a pinned link. */
export function linkedInterfaces(bpffs: string): readonly string[] {
  const names = readdirSync(join(bpffs, 'links')).map((name) => name.slice(0, name.lastIndexOf('-')));
  return [...new Set(names)];
}

/** Takes everything of a node away: what isn't attached elsewhere is gone from the kernel. Missing is success. */
export function removePins(bpffs: string): void {
  for (const folder of folders) rmSync(join(bpffs, folder), { recursive: true, force: true });
}
