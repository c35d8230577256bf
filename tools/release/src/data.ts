import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describeObjects } from './describe.ts';
import type { ReleaseLayout } from './layout.ts';

const root = join(import.meta.dirname, '..', '..', '..');
/** One folder a release. */
const releasesFolder = join(root, 'bpf', 'releases');
/** What a node's agent loads (libs/datapath, `find-objects.ts`). */
const objectNames = ['pod.o', 'sweep.o'] as const;

/** Versions whose data is kept, oldest first. */
export function releases(): readonly string[] {
  const versions = readdirSync(releasesFolder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  return versions.sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

/** The layout of a release. Throws Error: there is no data of it. */
export function releaseLayout(version: string): ReleaseLayout {
  return JSON.parse(readFileSync(join(releasesFolder, version, 'layout.json'), 'utf8')) as ReleaseLayout;
}

/** Puts the compiled objects of a release into `folder`, under the names by which an agent looks for them; their paths, in the order of loading. */
export function unpackObjects(version: string, folder: string): readonly string[] {
  return objectNames.map((name) => {
    const path = join(folder, name);
    writeFileSync(path, gunzipSync(readFileSync(join(releasesFolder, version, `${name}.gz`))));
    return path;
  });
}

/** The layout of this tree's objects, as they are built. */
export function currentLayout(version: string): ReleaseLayout {
  return describeObjects(version, builtObjects());
}

/** Writes the data of the built objects as that of `version`; returns the names of the files that changed. */
export function writeRelease(version: string): readonly string[] {
  const folder = join(releasesFolder, version);
  mkdirSync(folder, { recursive: true });
  const changed: string[] = [];
  for (const object of builtObjects()) {
    const name = `${basename(object)}.gz`;
    const content = withoutDebugInformation(object);
    // Compared unpacked: versions of zlib pack the same bytes differently.
    if (existsSync(join(folder, name)) && gunzipSync(readFileSync(join(folder, name))).equals(content)) continue;
    writeFileSync(join(folder, name), gzipSync(content, { level: 9 }));
    changed.push(name);
  }
  const layout = print(currentLayout(version));
  const path = join(folder, 'layout.json');
  if (!existsSync(path) || readFileSync(path, 'utf8') !== layout) {
    writeFileSync(path, layout);
    changed.push('layout.json');
  }
  return changed;
}

/** JSON with a line for each map, member and number: what a change of one is, a diff shows. */
function print(layout: ReleaseLayout): string {
  const lines = JSON.stringify(layout, null, 2).replace(/[{[][^{}[\]]*[}\]]/g, (leaf) => {
    const line = leaf.replace(/\s+/g, ' ');
    return line.length <= 200 ? line : leaf;
  });
  return `${lines}\n`;
}

function builtObjects(): readonly string[] {
  return objectNames.map((name) => join(root, 'bpf', 'build', name));
}

/** bpftool's linker copies what the kernel is given, BTF too, and leaves DWARF out: half of an object. */
function withoutDebugInformation(object: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-release-'));
  try {
    const target = join(folder, basename(object));
    execFileSync('bpftool', ['gen', 'object', target, object], { stdio: ['ignore', 'ignore', 'pipe'] });
    return readFileSync(target);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
