import { describe, expect, it } from 'vitest';
import { decideRecovery, type RecoveryStanding } from './recovery.ts';

const standing = (part: Partial<RecoveryStanding>): RecoveryStanding => ({
  incarnation: 7n,
  isWhole: false,
  isAccepted: false,
  presenters: null,
  ...part,
});
const waited = (elapsedMs: number, ...missing: string[]) => ({ elapsedMs, waitMs: 10_000, missing });

describe('C4: rows that buckets alone know', () => {
  it('come back from whole buckets', () => {
    expect(decideRecovery(standing({ isWhole: true }))).toEqual({ does: 'finish' });
  });

  it('else wait for an operator, who is told which incarnation to name', () => {
    expect(decideRecovery(standing({}))).toMatchObject({ does: 'wait', problem: expect.stringContaining('accept-empty 7') });
    expect(decideRecovery(standing({ isAccepted: true }))).toEqual({ does: 'finish' });
  });
});

describe('C4: rows that agents know, too', () => {
  it('are there once all nodes of whole buckets have presented theirs', () => {
    expect(decideRecovery(standing({ isWhole: true, presenters: waited(10, 'n2') }))).toMatchObject({
      does: 'wait',
      problem: expect.stringContaining('n2'),
    });
    expect(decideRecovery(standing({ isWhole: true, presenters: waited(10) }))).toEqual({ does: 'finish' });
  });

  it('are waited for no longer than so, and for so long where the buckets are not whole: nobody knows who is to come', () => {
    expect(decideRecovery(standing({ presenters: waited(9_999) }))).toMatchObject({ does: 'wait' });
    expect(decideRecovery(standing({ presenters: waited(10_000, 'n2') }))).toEqual({ does: 'finish' });
    expect(decideRecovery(standing({ isWhole: true, presenters: waited(10_000, 'n2') }))).toEqual({ does: 'finish' });
  });
});
