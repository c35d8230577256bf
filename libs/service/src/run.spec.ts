import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

// A service in a process of its own, as main.ts makes one.
const main = `import { configuration, field, runService, serviceFields } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
  const fields = { ...serviceFields, fail: field.flag({ help: 'fails' }) };
  process.exit(await runService(configuration('tested', 'is tested', fields), ({ fail }, { log }) => [{
    name: 'part',
    start: () => { if (fail) throw new Error('no luck'); },
    stop: () => log.info('part has stopped'),
  }]));`;

function run(...flags: string[]) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', main, '--', 'eval', ...flags], { env: {} });
  let [out, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    error += text;
  });
  const exit = once(child, 'close').then(([code]) => ({ code: code as number, out, error }));
  return { child, exit, said: () => error };
}

describe('a service', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('runs until %s, stops its parts, and exits with 0', async (signal) => {
    const { child, exit, said } = run('--metrics-listen', '127.0.0.1:0');
    await expect.poll(said, { timeout: 10_000 }).toContain('"started"');
    child.kill(signal);
    const { code, error } = await exit;
    expect(code).toBe(0);
    const words = error
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; service: string; level: string });
    expect(words.map(({ msg }) => msg)).toEqual(['started', 'stopping', 'part has stopped', 'stopped']);
    expect(words.every(({ service, level }) => service === 'tested' && level === 'info')).toBe(true);
  });

  it('tells its version as a metric', async () => {
    const { child, exit, said } = run('--metrics-listen', '127.0.0.1:0');
    await expect.poll(said, { timeout: 30_000 }).toContain('"started"');
    const port = /"metricsPort":(\d+)/.exec(said())![1];
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    child.kill('SIGTERM');
    await exit;
    expect(metrics).toMatch(/^myelin_build_info\{version="0\.0\.0-source"\} 1$/m);
  });

  it('that can not start says why and exits with 1', async () => {
    const { code, error } = await run('--metrics-listen', '127.0.0.1:0', '--fail').exit;
    expect(code).toBe(1);
    expect(error).toContain('no luck');
  });

  it('with a bad configuration says all that is wrong and exits with 2', async () => {
    const { code, error } = await run('--log-level', 'loud').exit;
    expect(code).toBe(2);
    expect(error.split('\n').slice(0, 3)).toEqual([
      "tested can't start:",
      '  --metrics-listen (or MYELIN_METRICS_LISTEN) is missing: HTTP with /metrics, /readyz and /healthz',
      '  --log-level is "loud": expected one of fatal, error, warn, info, debug, trace, silent',
    ]);
  });

  it('prints help and version on standard output and exits with 0', async () => {
    expect(await run('--help').exit).toMatchObject({ code: 0, out: expect.stringContaining('--metrics-listen'), error: '' });
    expect(await run('--version').exit).toEqual({ code: 0, out: 'tested 0.0.0-source\n', error: '' });
  });
});
