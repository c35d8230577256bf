// Bundles one app into one file, `dist/main.mjs`: `node tools/setup/src/bundle.mjs apps/<app> [--if-stale]`. A worker thread (`src/<name>-worker.ts`) is a file of its own beside it.
// --if-stale: not when nothing that the last bundle was made of (`dist/made-of.json`) has changed since.
import { copyFileSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { root } from './packages.mjs';

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
const workers = readdirSync(join(folder, 'src')).filter((file) => file.endsWith('-worker.ts'));
const { metafile } = await build({
  entryPoints: ['main.ts', ...workers].map((file) => join(folder, 'src', file)),
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
const settings = [...['tools/setup/src/bundle.mjs', 'package-lock.json'], relative(root, join(folder, 'package.json'))];
// A worker that is new is noticed by its folder.
const folders = [relative(root, join(folder, 'src'))];
writeFileSync(madeOf, JSON.stringify([...Object.keys(metafile.inputs), ...copied, ...settings, ...folders]));
// What changes while it is being read has changed since.
utimesSync(madeOf, begun, begun);
