import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Runs a command to its end, its output kept for the error message; says that it still works every ten seconds. */
export function run(command, args, { cwd, env, say } = {}) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const progress = setInterval(
      () => say?.(`  … ${basename(command)} ${args[0]}, ${Math.round((Date.now() - started) / 1000)} s`),
      10_000,
    );
    child.on('error', (error) => {
      clearInterval(progress);
      reject(new Error(`cannot run ${command}: ${error.message}`));
    });
    child.on('close', (status, signal) => {
      clearInterval(progress);
      if (status === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? `status ${status}`}:\n${output.trimEnd()}`));
    });
  });
}

/** Holds a machine-wide lock while `action` runs, so that two set-ups side by side don't spoil each other's work. */
export async function withLock(name, action) {
  const file = join(tmpdir(), `myelin-setup-${name}.lock`);
  for (;;) {
    try {
      const descriptor = openSync(file, 'wx');
      writeSync(descriptor, String(process.pid));
      closeSync(descriptor);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!holderLives(file)) rmSync(file, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

function holderLives(file) {
  try {
    const pid = readFileSync(file, 'utf8');
    return pid === '' || existsSync(`/proc/${pid}`);
  } catch {
    return false;
  }
}
