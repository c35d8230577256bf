import type { PortRange } from '@myelin/policy-model';
import type { PortBlock } from './local-policy.ts';

/** The fewest blocks that make up a range exactly, ascending; at most 30. A range of all 65536 ports is one block of 0 bits. */
export function portBlocks({ first, last }: PortRange): PortBlock[] {
  const blocks: PortBlock[] = [];
  let port = first;
  while (port <= last) {
    // The largest block that starts here: as aligned as the port is, and no longer than what is left.
    let size = port === 0 ? 65536 : port & -port;
    while (size > last - port + 1) size >>= 1;
    blocks.push({ port, bits: 16 - Math.log2(size) });
    port += size;
  }
  return blocks;
}

/** The block of `bits` bits that holds a port. */
export function blockOf(port: number, bits: number): PortBlock {
  return { port: bits === 0 ? 0 : port & (0xffff << (16 - bits)) & 0xffff, bits };
}
