import { expect, it } from 'vitest';
import { filesOfSet } from './descriptors.ts';

it('takes a set of descriptors apart, files of more than 127 bytes too', () => {
  const [short, long] = [Buffer.from('short'), Buffer.alloc(300, 'x')];
  const set = Buffer.concat([Buffer.from([0x0a, short.length]), short, Buffer.from([0x0a, 0xac, 0x02]), long]);
  expect(filesOfSet(set)).toEqual([short, long]);
  expect(() => filesOfSet(Buffer.from([0x12, 0]))).toThrow('no FileDescriptorSet');
});
