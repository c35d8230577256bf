// Bundles one app into one file, `dist/main.mjs`: `node tools/setup/src/bundle.mjs apps/<app>`.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const folder = resolve(process.argv[2]);
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
await build({
  entryPoints: { main: join(folder, 'src', 'main.ts') },
  outdir: join(folder, 'dist'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  sourcemap: 'linked',
  minifySyntax: true,
  legalComments: 'none',
  external: ['*.node'],
  define: { MYELIN_VERSION: JSON.stringify(version) },
  // CommonJS packages (grpc-js, pino) call require: an ES module has none of its own.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});
