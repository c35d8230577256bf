import { type Address, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { PEER_EPOCHS } from '@myelin/datapath-layout';
import { indexKey } from './table.ts';

const multiplier = 0x9e3779b1;
const indexBits = Math.log2(PEER_EPOCHS);

/** Where an address' epoch lies: the same computation as flow_peer_index4 and flow_peer_index6 (bpf/include/flow/clock.h), little-endian. */
export function peerIndex(address: Address): number {
  const bytes = Buffer.from(toBytes(address, address.family === 4 ? 4 : 16));
  let hash = 0;
  for (let at = 0; at < bytes.length; at += 4) hash = Math.imul(hash ^ bytes.readInt32LE(at), multiplier);
  return hash >>> (32 - indexBits);
}

/** Raises the epoch that an address shares with some others. */
export function raisePeerEpoch(peerEpochs: BpfMap, address: Address, epoch: number): void {
  const value = Buffer.allocUnsafe(4);
  value.writeUInt32LE(epoch);
  peerEpochs.update(indexKey(peerIndex(address)), value);
}
