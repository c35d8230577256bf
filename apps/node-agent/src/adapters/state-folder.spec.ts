import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateFolder } from './state-folder.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'myelin-state-'));
});
afterEach(() => rmSync(path, { recursive: true }));

describe('StateFolder', () => {
  it('gives back what was written, 64-bit numbers included, to another process', () => {
    const value = { revision: { incarnation: 12345678901234567890n, counter: 0n }, text: '5n', list: [1, null], labels: { app: 'web' } };
    new StateFolder(path).write('endpoints/a', value);
    expect(new StateFolder(path).read('endpoints/a')).toEqual(value);
  });
  it('has nothing under a name that was never written or was removed', () => {
    const state = new StateFolder(path);
    state.write('pool', {});
    state.remove('pool');
    state.remove('pool');
    expect([state.read('pool'), state.read('other'), state.list('endpoints')]).toEqual([null, null, []]);
  });
  it('passes over a file that a killed agent was still writing', () => {
    const state = new StateFolder(path);
    state.write('endpoints/a', { a: 1 });
    writeFileSync(join(path, 'endpoints', 'b.json.new'), '{"half');
    expect(state.list('endpoints')).toEqual(['endpoints/a']);
  });
});
