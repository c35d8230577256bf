// Generated from bpf/include/types/config.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** `struct node_state`. Map `node_state`: array of one. */
export interface NodeState {
  /** newest epoch in use anywhere; how it and the epochs are written: bpf/include/flow/README.md, "What writers must do" */
  readonly clock: number;
  /** raised after every change of the prefix tables */
  readonly prefixEpoch: number;
}
/** Layout of `struct node_state`: 8 bytes. */
export const nodeStateCodec = {
  size: 8,
  offsets: {
    clock: 0,
    prefixEpoch: 4,
  },
  read(buffer: Buffer, offset = 0): NodeState {
    return {
      clock: buffer.readUInt32LE(offset),
      prefixEpoch: buffer.readUInt32LE(offset + 4),
    };
  },
  write(buffer: Buffer, value: NodeState, offset = 0): void {
    buffer.writeUInt32LE(value.clock, offset);
    buffer.writeUInt32LE(value.prefixEpoch, offset + 4);
  },
  encode(value: NodeState): Buffer {
    const buffer = Buffer.alloc(8);
    nodeStateCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<NodeState>;

/** Map `peer_epochs`: array of PEER_EPOCHS __u32, by hash of the address: raised after every change of an address that isn't a local endpoint. */
export const PEER_EPOCHS = 4096;

/** Map `applied_identities`: array of APPLIED_WORDS __u64: bit n of word i: identity 64 i + n is enforced on this node (design D5). Covers 0 … 65535. */
export const APPLIED_WORDS = 1024;
