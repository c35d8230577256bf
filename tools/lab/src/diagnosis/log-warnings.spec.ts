import { describe, expect, it } from 'vitest';
import { lastWarnings } from './log-warnings.ts';

const line = (level: string, msg: string, fields: object = {}) =>
  JSON.stringify({ level, time: '2026-11-30T10:11:12.345Z', service: 'node-agent', pid: 7, ...fields, msg });

describe('the last warnings of a log', () => {
  it('are those of all levels that tell of trouble, oldest first, with their fields', () => {
    const log = [line('warn', 'first'), line('info', 'fine'), line('error', 'second', { peer: 'redis' }), line('fatal', 'third')].join(
      '\n',
    );
    expect(lastWarnings(`${log}\n`, 2)).toEqual(['10:11:12.345 error: second {"peer":"redis"}', '10:11:12.345 fatal: third']);
  });
  it('pass over what is no JSON, and a log that was cut', () => {
    expect(lastWarnings(`${line('warn', 'kept')}\n(node:7) Warning: odd\nnull\n{"level":"warn","ti`, 5)).toEqual([
      '10:11:12.345 warn: kept',
    ]);
  });
  it('are cut at a width', () => {
    expect(lastWarnings(line('warn', 'x'.repeat(500)), 1, 40)[0]).toHaveLength(40);
  });
});
