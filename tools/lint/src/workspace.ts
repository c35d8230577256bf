import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Import, type Layer, layers, type Package } from './layers.ts';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly nx?: { readonly tags?: readonly string[] };
}

/** The workspace's packages. Throws where one has no layer: without it no rule holds. */
export function readPackages(root: string): readonly Package[] {
  return globSync('{apps,libs,tools}/*/package.json', { cwd: root })
    .sort()
    .map((file) => {
      const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest;
      const layer = manifest.nx?.tags?.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length);
      if (!layers.includes(layer as Layer)) throw new Error(`${file}: needs "nx": { "tags": ["layer:<${layers.join('|')}>"] }`);
      return {
        name: manifest.name,
        folder: dirname(file),
        layer: layer as Layer,
        dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
      };
    });
}

/** Every import of the workspace's own TypeScript, generated code left out. */
export function readImports(root: string): readonly Import[] {
  return sourceFiles(root).flatMap((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
    return importedFiles.map(({ fileName }) => ({ file, specifier: fileName }));
  });
}

/** TypeScript files of the workspace, generated ones left out; paths from the root, sorted. */
export function sourceFiles(root: string): readonly string[] {
  return globSync(['{apps,libs,tools}/*/src/**/*.ts', 'e2e/**/*.ts', 'bpf/tests/**/*.ts'], { cwd: root })
    .filter((file) => !file.includes('/gen/'))
    .sort();
}
