import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { netnsFile } from './netns.ts';

const name = `lab-spec-${process.pid}`;
const module = join(import.meta.dirname, 'netns.ts');
const script = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { createNetns, deleteNetns } from ${JSON.stringify(module)};
  await createNetns('${name}', {}, {});
  // What the first "ip netns add" on a machine does.
  execFileSync('mount', ['--rbind', '/run/netns', '/run/netns']);
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8').split('\\n').filter((line) => line.includes('${name}')).length;
  const before = mounts();
  await deleteNetns('${name}');
  console.log(before, mounts());
`;

it('a namespace goes with all its mounts, even those that lie under a mount that came over the folder later', () => {
  const command = ['--mount', '--propagation', 'private', process.execPath, '--input-type=module-typescript', '--eval', script];
  const output = execFileSync('unshare', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  expect(output.trim()).toBe('2 0');
  expect(existsSync(netnsFile(name))).toBe(false);
});
