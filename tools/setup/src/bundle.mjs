// Bundles one app into one file, `dist/main.mjs`: `node tools/setup/src/bundle.mjs apps/<app>`. A worker thread (`src/<name>-worker.ts`) is a file of its own beside it.
import { copyFileSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { root } from './packages.mjs';

const folder = resolve(process.argv[2]);
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const workers = readdirSync(join(folder, 'src')).filter((file) => file.endsWith('-worker.ts'));
const { metafile } = await build({
  entryPoints: ['main.ts', ...workers].map((file) => join(folder, 'src', file)),
  outdir: join(folder, 'dist'),
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

const uses = (path) => Object.keys(metafile.inputs).some((input) => input.endsWith(path));

/** Puts a file beside the bundle. Renamed into place, because a running process may have the old one mapped. */
function putBeside(source) {
  const target = join(folder, 'dist', source.split('/').at(-1));
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}

// libs/bpf-native/src/find-addon.ts and libs/datapath/src/find-objects.ts look beside the bundle first.
if (uses('bpf-native/src/native.ts')) putBeside(join(root, 'libs', 'bpf-native', 'build', 'bpf_native.node'));
if (uses('datapath/src/find-objects.ts')) for (const name of ['pod.o', 'sweep.o']) putBeside(join(root, 'bpf', 'build', name));
