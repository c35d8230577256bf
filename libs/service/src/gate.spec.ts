import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';

const never = new AbortController().signal;

describe('a gate', () => {
  it('lets those pass who waited before it was closed once more and opened at last', async () => {
    const gate = new Gate();
    const early = gate.passed(never);
    gate.close();
    gate.open();
    await early;
    await gate.passed(never);
  });

  it('holds those who come after it has closed', async () => {
    const gate = new Gate();
    gate.open();
    gate.close();
    const abort = new AbortController();
    const late = gate.passed(abort.signal);
    abort.abort(new Error('waited long enough'));
    await expect(late).rejects.toThrow('waited long enough');
  });
});
