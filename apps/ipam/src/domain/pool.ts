import { contains, firstAddress, formatPrefix, lastAddress, type Prefix, parsePrefix, prefixOf } from '@myelin/address';

/** A range of pod addresses and the prefix length of the block that one node gets of it. */
export interface Pool {
  readonly prefix: Prefix;
  readonly blockBits: number;
}

/** The longest block lengths: a node needs room for its own addresses and some pods. */
const longestBlock = { 4: 30, 6: 126 } as const;

/** Reads `prefix:length`, as in `10.244.0.0/16:24`. */
export function parsePool(text: string): { readonly value: Pool } | { readonly expected: string } {
  const match = /^(.+\/\d+):(\d{1,3})$/.exec(text);
  const prefix = match === null ? null : parsePrefix(match[1]!, { hostBits: 'refuse' });
  if (match === null || prefix === null) return { expected: 'a prefix and the length of its blocks, as in 10.244.0.0/16:24' };
  const blockBits = Number(match[2]);
  const longest = longestBlock[prefix.family];
  if (blockBits < prefix.bits || blockBits > longest)
    return { expected: `blocks of ${formatPrefix(prefix)} with a length from ${prefix.bits} to ${longest}` };
  return { value: { prefix, blockBits } };
}

/** The text that `parsePool` reads. */
export function formatPool({ prefix, blockBits }: Pool): string {
  return `${formatPrefix(prefix)}:${blockBits}`;
}

/** The pool's first block that overlaps nothing of `taken`; null when it is exhausted. */
export function nextFreeBlock({ prefix, blockBits }: Pool, taken: readonly Prefix[]): Prefix | null {
  const sorted = taken
    .filter(({ family }) => family === prefix.family)
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.bits - b.bits));
  let block = prefixOf(firstAddress(prefix), blockBits);
  for (const other of sorted) {
    const end = lastAddress(other).value;
    if (end < block.value) continue;
    if (other.value > lastAddress(block).value) break;
    const next = blockBehind(end, block);
    if (next === null || !contains(prefix, next)) return null;
    block = next;
  }
  return block;
}

/** The block of the same length as `block` whose first address is the lowest one greater than `end`; null where the family's addresses end. */
function blockBehind(end: bigint, block: Prefix): Prefix | null {
  const size = lastAddress(block).value - block.value + 1n;
  const value = (end / size + 1n) * size;
  // Behind ::ffff:255.255.255.255 other addresses begin; behind 2^128 nothing.
  if (value >> 32n !== 0xffffn && block.family === 4) return null;
  return value >> 128n === 0n ? Object.freeze({ family: block.family, value, bits: block.bits }) : null;
}
