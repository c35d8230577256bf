import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findCgroup2, makeCgroup, removeCgroup } from './cgroup.ts';

it('a cgroup goes with all that is in it, and with whoever is on the way in', async () => {
  const top = join(findCgroup2()!, `myelin-test-${process.pid}`);
  for (let ms = 0; ms < 20; ms += 1) {
    const inside = join(top, 'a', 'b');
    makeCgroup(inside);
    const words = ['-c', 'echo 0 >"$0" && exec sleep 600', join(inside, 'cgroup.procs')];
    const resident = spawn('sh', words, { stdio: 'ignore' });
    const latecomer = spawn('sh', ['-c', `sleep 0.0${String(ms).padStart(2, '0')}; ${words[1]}`, words[2]!], { stdio: 'ignore' });
    const gone = Promise.all([resident, latecomer].map((child) => once(child, 'exit')));
    await removeCgroup(top);
    expect(existsSync(top)).toBe(false);
    await gone;
  }
});
