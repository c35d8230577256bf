// Bundles one app into one file, `dist/app.mjs`: `node tools/setup/src/bundle.mjs apps/<app> [--if-stale]`. A worker thread (`src/<name>-worker.ts`) is a file of its own beside it.
// `dist/main.mjs` starts it with what V8 has compiled of it already (`dist/compiled`).
// --if-stale: not when nothing that the last bundle was made of (`dist/made-of.json`) has changed since.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { nodeBinFolder, root } from './packages.mjs';

const folder = resolve(process.argv[2]);
const madeOf = join(folder, 'dist', 'made-of.json');

function isFresh() {
  try {
    const { mtimeMs } = statSync(madeOf);
    return JSON.parse(readFileSync(madeOf, 'utf8')).every((file) => statSync(join(root, file)).mtimeMs <= mtimeMs);
  } catch {
    return false;
  }
}
if (process.argv.includes('--if-stale') && isFresh()) process.exit(0);

const begun = new Date();
const { build } = await import('esbuild');
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

// A module's `import` of a part of Node reads all that the part exports, which loads what each is made of: for node:http all of fetch, 25 ms. A `require` reads nothing.
const partsOfNode = {
  name: 'parts-of-node',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return null;
      return kind === 'import-statement' ? { path, namespace: 'part-of-node' } : { path, external: true };
    });
    onLoad({ filter: /./, namespace: 'part-of-node' }, ({ path }) => ({ contents: `module.exports = require('${path}')` }));
  },
};

const workers = readdirSync(join(folder, 'src')).filter((file) => file.endsWith('-worker.ts'));
const { metafile } = await build({
  entryPoints: [
    { in: join(folder, 'src', 'main.ts'), out: 'app' },
    ...workers.map((file) => ({ in: join(folder, 'src', file), out: file.replace(/\.ts$/, '') })),
  ],
  outdir: join(folder, 'dist'),
  absWorkingDir: root,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: 'linked',
  metafile: true,
  minifySyntax: true,
  plugins: [partsOfNode],
  legalComments: 'none',
  external: ['*.node'],
  define: { MYELIN_VERSION: JSON.stringify(version) },
  // CommonJS packages (grpc-js, pino) call require: an ES module has none of its own.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});

const copied = [];
const uses = (path) => Object.keys(metafile.inputs).some((input) => input.endsWith(path));

/** Puts a file beside the bundle. Renamed into place, because a running process may have the old one mapped. */
function putBeside(source) {
  const target = join(folder, 'dist', source.split('/').at(-1));
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
  copied.push(relative(root, source));
}

// libs/bpf-native/src/find-addon.ts and libs/datapath/src/find-objects.ts look beside the bundle first.
if (uses('bpf-native/src/native.ts')) putBeside(join(root, 'libs', 'bpf-native', 'build', 'bpf_native.node'));
if (uses('datapath/src/find-objects.ts')) for (const name of ['pod.o', 'sweep.o']) putBeside(join(root, 'bpf', 'build', name));

// Compiling is a third of a short command's time. A file that says other than what was compiled, or another Node, finds nothing and compiles as ever.
writeFileSync(
  join(folder, 'dist', 'main.mjs'),
  `#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
enableCompileCache(import.meta.dirname + '/compiled');
await import('./app.mjs');
`,
);
rmSync(join(folder, 'dist', 'compiled'), { recursive: true, force: true });
spawnSync(join(nodeBinFolder(), 'node'), [join(folder, 'dist', 'main.mjs'), '--help'], { stdio: 'ignore', env: {} });

const settings = [...['tools/setup/src/bundle.mjs', 'package-lock.json'], relative(root, join(folder, 'package.json'))];
const read = Object.keys(metafile.inputs).filter((input) => !input.startsWith('part-of-node:'));
// A worker that is new is noticed by its folder.
const folders = [relative(root, join(folder, 'src'))];
writeFileSync(madeOf, JSON.stringify([...read, ...copied, ...settings, ...folders]));
// What changes while it is being read has changed since.
utimesSync(madeOf, begun, begun);
