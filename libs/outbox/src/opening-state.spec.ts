import { describe, expect, it } from 'vitest';
import { advanceOpening } from './opening-state.ts';

const asked = (greatest: bigint, acceptEmpty: bigint | null) => advanceOpening({ does: 'ask NATS', life: 'x' }, greatest, acceptEmpty);

describe('an incarnation', () => {
  it('that is open is worked under, and looked for again when a script was refused', () => {
    expect(advanceOpening({ does: 'look' }, { word: 'open', incarnation: 7n }, null)).toEqual({ does: 'work', incarnation: 7n });
    expect(advanceOpening({ does: 'work', incarnation: 7n }, null, null)).toEqual({ does: 'look' });
  });

  it('C3: is opened in an empty Redis after NATS was asked for the greatest', () => {
    expect(advanceOpening({ does: 'look' }, { word: 'empty', life: 'x' }, null)).toEqual({ does: 'ask NATS', life: 'x' });
    expect(asked(0n, null)).toEqual({ does: 'open', life: 'x', greatest: 0n });
  });

  it('C4: is not opened over rows that NATS still holds, unless an operator names theirs', () => {
    expect(asked(7n, null)).toMatchObject({ does: 'wait', problem: expect.stringContaining('--accept-empty 7') });
    expect(asked(7n, 6n)).toMatchObject({ does: 'wait' });
    expect(asked(7n, 7n)).toEqual({ does: 'open', life: 'x', greatest: 7n });
  });

  it('C4: is looked for anew where Redis was lost once more before it was opened', () => {
    expect(advanceOpening({ does: 'open', life: 'x', greatest: 7n }, { word: 'empty', life: 'y' }, 7n)).toEqual({ does: 'look' });
  });
});
