import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { findCgroup2 } from './cgroup.ts';
import { isMounted } from './mount.ts';
import { commandAt, isAlive, run, signal, startTime } from './process.ts';
import { missingRequirements } from './requirements.ts';

describe('a process id', () => {
  it('names this very process, not a later one of the same number', () => {
    const start = startTime(process.pid)!;
    expect(isAlive({ pid: process.pid, start })).toBe(true);
    expect(isAlive({ pid: process.pid, start: `${Number(start) + 1}` })).toBe(false);
  });
  it('is gone for good once the process has ended, and no signal is sent', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const id = { pid: child.pid!, start: startTime(child.pid!)! };
    expect(signal(id, 'SIGKILL')).toBe(true);
    await once(child, 'close');
    expect(isAlive(id)).toBe(false);
    expect(signal(id, 'SIGKILL')).toBe(false);
  });
});

describe('run', () => {
  it('gives input and returns output', async () => {
    expect(await run({}, ['cat'], 'text')).toBe('text');
  });
  it('says which command failed, and how', async () => {
    await expect(run({}, ['sh', '-c', 'echo no >&2; exit 3'])).rejects.toMatchObject({ message: expect.stringContaining('no'), status: 3 });
  });
  it('does not run a command whose cgroup is gone', async () => {
    await expect(run({ cgroup: '/sys/fs/cgroup/none' }, ['true'])).rejects.toThrow();
  });
});

it('enters the cgroup before the namespace', () => {
  expect(commandAt({ cgroup: '/c', netns: '/n' }, ['true']).slice(-4)).toEqual(['nsenter', '--net=/n', '--', 'true']);
  expect(commandAt({}, ['true'])).toEqual(['true']);
});

describe('mounts', () => {
  it('finds cgroup v2 beside v1 hierarchies', () => {
    expect(findCgroup2('cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n')).toBe(
      '/sys/fs/cgroup/unified',
    );
    expect(findCgroup2('proc /proc proc rw 0 0\n')).toBeUndefined();
  });
  it('reads paths with spaces', () => {
    expect(isMounted('/a b', 'bpf /a\\040b bpf rw 0 0\n')).toBe(true);
    expect(isMounted('/a', 'bpf /a\\040b bpf rw 0 0\n')).toBe(false);
  });
});

it('names each program that is missing, the package that has it, and what is not built', () => {
  const missing = missingRequirements(['/nowhere/main.mjs'], '/nowhere');
  expect(missing).toContain('no program "redis-server": apt-get install redis-server');
  expect(missing).toContain('/nowhere/main.mjs is not built: npm run build');
});
