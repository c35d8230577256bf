import { join } from 'node:path';
import { root } from './packages.mjs';
import { run, withLock } from './run.mjs';

/** Builds what has changed since the last build (nx keeps count): addon, BPF objects, one bundle an app. Returns whether anything was built. */
export async function build(say) {
  return withLock('build', async () => {
    const env = { ...process.env, NX_DAEMON: 'false', FORCE_COLOR: '0' };
    const output = await run(join(root, 'node_modules', '.bin', 'nx'), ['run-many', '-t', 'build', '--outputStyle=static'], {
      cwd: root,
      env,
      say,
    });
    const built = [...output.matchAll(/^\s*[✔✓]\s+nx run (\S+):build(?!.*\[)/gm)].map((match) => match[1]);
    if (built.length > 0) say(`built ${built.join(', ')}`);
    return built.length > 0;
  });
}
