// Bundles one app into one file, `dist/main.mjs`: `node tools/setup/src/bundle.mjs apps/<app>`.
import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { root } from './packages.mjs';

const folder = resolve(process.argv[2]);
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const { metafile } = await build({
  entryPoints: { main: join(folder, 'src', 'main.ts') },
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
// The native addon lies beside the bundle that uses it: libs/bpf-native/src/find-addon.ts looks there first. Renamed into place, because a
// running process has the old one mapped.
if (Object.keys(metafile.inputs).some((path) => path.endsWith('bpf-native/src/native.ts'))) {
  const target = join(folder, 'dist', 'bpf_native.node');
  copyFileSync(join(root, 'libs', 'bpf-native', 'build', 'bpf_native.node'), `${target}.new`);
  renameSync(`${target}.new`, target);
}
