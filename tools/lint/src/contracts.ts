import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemsOf } from './command.ts';
import { descriptorsText } from './descriptors.ts';

const generated = 'libs/contracts/src/gen';

const descriptors = 'descriptors.ts';

/** Writes the contracts' TypeScript. Returns buf's problems. */
export async function generateContracts(root: string): Promise<readonly string[]> {
  const problems = await problemsOf('buf', ['generate'], join(root, 'proto'));
  if (problems.length === 0) writeFileSync(join(root, generated, descriptors), await descriptorsText(root));
  return problems;
}

/** Generates into a temporary folder and names every file that differs from what is committed. */
export async function staleContracts(root: string): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-proto-'));
  try {
    const template = JSON.stringify({ version: 'v2', plugins: readPlugins(root, folder) });
    const problems = await problemsOf('buf', ['generate', '--template', template], join(root, 'proto'));
    if (problems.length > 0) return problems;
    writeFileSync(join(folder, descriptors), await descriptorsText(root));
    const files = new Set([...globSync('**/*.ts', { cwd: folder }), ...globSync('**/*.ts', { cwd: join(root, generated) })]);
    return [...files]
      .sort()
      .filter((file) => read(join(folder, file)) !== read(join(root, generated, file)))
      .map((file) => `${generated}/${file} is stale: run "npm run generate" and commit`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The plugin of buf.gen.yaml with another output folder; buf resolves paths from proto/. */
function readPlugins(root: string, out: string): unknown {
  const options = /outputServices=[^\s]+/.exec(readFileSync(join(root, 'proto', 'buf.gen.yaml'), 'utf8'))?.[0];
  if (options === undefined) throw new Error('proto/buf.gen.yaml: no ts-proto options found');
  return [{ local: ['node', '../node_modules/ts-proto/protoc-gen-ts_proto'], out, opt: [options] }];
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
