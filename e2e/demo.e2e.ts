import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '@myelin/tool-lab';
import { expect, it } from 'vitest';
import { leftovers } from './support/leftovers.ts';

it('the demo’s expectations hold, each denial names who denied, kills lose nothing, and nothing of its lab stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'e2e-demo-'));
  try {
    const config = { ...readConfig(), labDir: join(folder, 'lab') };
    const program = join(config.projectRoot, 'tools', 'lab', 'src', 'demo', 'main.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--json'], {
      env: { ...process.env, LAB_DIR: config.labDir },
      maxBuffer: 64 * 1024 * 1024,
    });
    const report = JSON.parse(stdout) as {
      ok: boolean;
      checks: {
        title: string;
        family: number;
        difference: string | null;
        expected: { verdict: string };
        event: { verdict: string } | null;
      }[];
      edit: { difference: string | null }[];
      faults: { killed: { process: string }[]; traffic: { fault: string | null }[] };
    };
    expect([...report.checks, ...report.edit].filter(({ difference }) => difference !== null)).toEqual([]);
    expect(report.faults.traffic.filter(({ fault }) => fault !== null)).toEqual([]);
    expect(report.faults.killed.map(({ process }) => process)).toEqual(
      expect.arrayContaining(['redis', 'nats', 'node-agent:node-1', 'node-agent:node-2']),
    );
    expect(report.ok).toBe(true);
    expect(report.checks.length).toBeGreaterThan(30);
    for (const { title, expected, event } of report.checks)
      expect(event?.verdict, title).toBe(expected.verdict === 'denied' ? 'DROPPED' : undefined);
    expect(leftovers(config)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
