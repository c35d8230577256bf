// Generated from bpf/include/types/node.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

export const NODES = 4096;

/** `struct node`. Map `nodes`: array by node slot (1 … NODES - 1; zone ZONE_NODE + slot). A slot is one node's for ever. */
export interface Node {
  /** of its tunnel device */
  readonly mac: Uint8Array;
  /** of this node's: both lie as they do in a frame to it */
  readonly ownMac: Uint8Array;
  /** this node's tunnel device; 0: there is no tunnel to that node */
  readonly interface: number;
  /** outer; IPv4 as ::ffff:a.b.c.d */
  readonly address: Uint8Array;
  /** of packets inside */
  readonly mtu: number;
  /** of the outer address: 4 or 6 */
  readonly family: number;
}
/** Layout of `struct node`: 40 bytes. */
export const nodeCodec = {
  size: 40,
  offsets: {
    mac: 0,
    ownMac: 6,
    interface: 12,
    address: 16,
    mtu: 32,
    family: 36,
  },
  read(buffer: Buffer, offset = 0): Node {
    return {
      mac: new Uint8Array(buffer.subarray(offset, offset + 6)),
      ownMac: new Uint8Array(buffer.subarray(offset + 6, offset + 6 + 6)),
      interface: buffer.readUInt32LE(offset + 12),
      address: new Uint8Array(buffer.subarray(offset + 16, offset + 16 + 16)),
      mtu: buffer.readUInt32LE(offset + 32),
      family: buffer.readUInt32LE(offset + 36),
    };
  },
  write(buffer: Buffer, value: Node, offset = 0): void {
    if (value.mac.length !== 6) throw new RangeError(`mac has ${value.mac.length} elements, expected 6`);
    buffer.set(value.mac, offset);
    if (value.ownMac.length !== 6) throw new RangeError(`ownMac has ${value.ownMac.length} elements, expected 6`);
    buffer.set(value.ownMac, offset + 6);
    buffer.writeUInt32LE(value.interface, offset + 12);
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset + 16);
    buffer.writeUInt32LE(value.mtu, offset + 32);
    buffer.writeUInt32LE(value.family, offset + 36);
  },
  encode(value: Node): Buffer {
    const buffer = Buffer.alloc(40);
    nodeCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Node>;

/** `struct node_slot`. Map `pod_ranges` (longest prefix match, key struct prefix6_key, IPv4 behind ::ffff:): slot of the node that has the range. Raises node_state.prefix_epoch. */
export interface NodeSlot {
  readonly slot: number;
}
/** Layout of `struct node_slot`: 4 bytes. */
export const nodeSlotCodec = {
  size: 4,
  offsets: {
    slot: 0,
  },
  read(buffer: Buffer, offset = 0): NodeSlot {
    return {
      slot: buffer.readUInt32LE(offset),
    };
  },
  write(buffer: Buffer, value: NodeSlot, offset = 0): void {
    buffer.writeUInt32LE(value.slot, offset);
  },
  encode(value: NodeSlot): Buffer {
    const buffer = Buffer.alloc(4);
    nodeSlotCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<NodeSlot>;
