import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockOf, portBlocks } from './port-block.ts';

describe('port blocks', () => {
  it.each([
    [80, 80, ['80/16']],
    [80, 81, ['80/15']],
    [81, 82, ['81/16', '82/16']],
    [1024, 65535, ['1024/6', '2048/5', '4096/4', '8192/3', '16384/2', '32768/1']],
    [0, 65535, ['0/0']],
    [65535, 65535, ['65535/16']],
  ])('of %i to %i are %j', (first, last, expected) => {
    expect(portBlocks({ first, last }).map(({ port, bits }) => `${port}/${bits}`)).toEqual(expected);
  });

  it('cover a range exactly, each port once, in at most 30 blocks, whatever the range', () => {
    fc.assert(
      fc.property(fc.nat(65535), fc.nat(65535), (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const blocks = portBlocks({ first, last });
        expect(blocks.length).toBeLessThanOrEqual(30);
        let next = first;
        for (const { port, bits } of blocks) {
          expect(port).toBe(next);
          expect(blockOf(port, bits)).toEqual({ port, bits });
          next = port + 2 ** (16 - bits);
        }
        expect(next).toBe(last + 1);
      }),
    );
  });

  it('that hold a port are named by their first port', () => {
    expect([0, 1, 8, 15, 16].map((bits) => blockOf(0xabcd, bits).port)).toEqual([0, 0x8000, 0xab00, 0xabcc, 0xabcd]);
  });
});
