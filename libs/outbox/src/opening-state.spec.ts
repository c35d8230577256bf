import { describe, expect, it } from 'vitest';
import { advanceOpening } from './opening-state.ts';

describe('an incarnation', () => {
  it('that is open is worked under, and looked for again when a script was refused', () => {
    const look = { word: 'open', incarnation: 7n, isRecovering: false } as const;
    expect(advanceOpening({ does: 'look' }, look)).toEqual({ does: 'work', incarnation: 7n });
    expect(advanceOpening({ does: 'work', incarnation: 7n }, null)).toEqual({ does: 'look' });
  });

  it('C3: is opened in an empty Redis after NATS was asked for the greatest', () => {
    expect(advanceOpening({ does: 'look' }, { word: 'empty', life: 'x' })).toEqual({ does: 'ask NATS', life: 'x' });
    expect(advanceOpening({ does: 'ask NATS', life: 'x' }, 5n)).toEqual({ does: 'open', life: 'x', greatest: 5n });
    expect(advanceOpening({ does: 'open', life: 'x', greatest: 5n }, null)).toEqual({ does: 'look' });
  });

  it('C4: is not worked under before the rows are back', () => {
    const look = { word: 'open', incarnation: 7n, isRecovering: true } as const;
    expect(advanceOpening({ does: 'look' }, look)).toEqual({ does: 'recover', incarnation: 7n });
    expect(advanceOpening({ does: 'recover', incarnation: 7n }, 'half of it')).toEqual({ does: 'wait', problem: 'half of it' });
    expect(advanceOpening({ does: 'recover', incarnation: 7n }, null)).toEqual({ does: 'look' });
  });
});
