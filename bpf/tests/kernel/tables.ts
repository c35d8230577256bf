import { type Address, address, type Prefix, prefix, toBytes } from '@myelin/address';
import type { BpfMap, BpfObject } from '@myelin/bpf-native';
import {
  APPLIED_WORDS,
  endpointCodec,
  endpointFlags,
  interfaceCodec,
  nodeCodec,
  nodeSlotCodec,
  nodeStateCodec,
  PEER_EPOCHS,
  peerCodec,
  prefix4KeyCodec,
  prefix6KeyCodec,
  prefixCodec,
} from '@myelin/datapath-layout';
import { macBytes } from '../packets/bytes.ts';
import { PolicyTables } from './policy-tables.ts';
import { Services } from './services.ts';
import { integerKey, TestMap } from './test-map.ts';

/** A pod of the node. */
export interface Pod {
  readonly slot: number;
  readonly ifindex: number;
  readonly identity: number;
  readonly subject: number;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
  readonly nodeMac: string;
  /** False: its policy isn't there yet. Default true. */
  readonly ready?: boolean;
  /** Denials are only reported. Default false. */
  readonly audit?: boolean;
}

/** Another node, reached through a tunnel. */
export interface FarNode {
  readonly slot: number;
  /** Outer address. */
  readonly address: string;
  readonly mac: string;
  readonly ownMac: string;
  /** The tunnel device; 0: there is none. */
  readonly interface: number;
  readonly mtu: number;
  readonly podRanges: readonly string[];
}

/** Who has an address. */
export interface PeerSpec {
  readonly identity: number;
  readonly slot?: number;
  readonly node?: number;
}

/** The agent's part: writes tables, then the epochs of what changed, last the clock (bpf/include/flow/README.md). */
export class Tables {
  readonly policies: PolicyTables;
  readonly services: Services;
  readonly #interfaces: TestMap;
  readonly #endpoints: TestMap;
  readonly #addresses: Readonly<Record<4 | 6, TestMap>>;
  readonly #prefixes: Readonly<Record<4 | 6, TestMap>>;
  readonly #nodes: TestMap;
  readonly #nodeSlots: TestMap;
  readonly #podRanges: TestMap;
  readonly #applied: TestMap;
  readonly #peerEpochs: BpfMap;
  readonly #state: BpfMap;
  #isTurning = false;
  #peersChanged = false;
  #clock = 1;
  #prefixEpoch = 1;

  constructor(object: BpfObject) {
    const map = (name: string) => new TestMap(object.map(name));
    this.#interfaces = map('interfaces');
    this.#endpoints = map('endpoints');
    this.#addresses = { 4: map('addresses_v4'), 6: map('addresses_v6') };
    this.#prefixes = { 4: map('prefixes_v4'), 6: map('prefixes_v6') };
    this.#nodes = map('nodes');
    this.#nodeSlots = map('node_slots');
    this.#podRanges = map('pod_ranges');
    this.#applied = map('applied_identities');
    this.#peerEpochs = object.map('peer_epochs');
    this.#state = object.map('node_state');
    this.policies = new PolicyTables(object, (change) => this.turn(change));
    this.services = new Services(object, (change) =>
      this.turn(() => {
        change();
        this.#peersChanged = true;
      }),
    );
  }

  /** One turn of the clock around a change; `change` gets the new epoch. A turn inside a turn belongs to the outer one. */
  turn(change: (epoch: number) => void): void {
    if (this.#isTurning) {
      change(this.#clock + 1);
      return;
    }
    this.#isTurning = true;
    change(this.#clock + 1);
    this.#isTurning = false;
    this.#clock += 1;
    if (this.#peersChanged) this.#raisePeerEpochs();
    this.#state.update(integerKey(0), nodeStateCodec.encode({ clock: this.#clock, prefixEpoch: this.#prefixEpoch }));
  }

  reset(): void {
    for (const table of [
      this.#interfaces,
      this.#endpoints,
      this.#addresses[4],
      this.#addresses[6],
      this.#prefixes[4],
      this.#prefixes[6],
      this.#nodes,
      this.#nodeSlots,
      this.#podRanges,
      this.#applied,
    ])
      table.reset();
    this.policies.reset();
    this.services.reset();
    this.turn(() => {
      this.#peersChanged = true;
    });
  }

  attach(ifindex: number, slot: number): void {
    this.#interfaces.write(integerKey(ifindex), interfaceCodec.encode({ slot }));
  }

  /** Writes the pod, and its addresses and identity unless told otherwise. */
  addPod(pod: Pod): Pod {
    this.turn((epoch) => {
      this.#endpoints.write(integerKey(pod.slot), encodePod(pod, epoch));
      for (const own of [pod.ipv4, pod.ipv6]) this.#writePeer(own, { identity: pod.identity, slot: pod.slot });
      this.#peersChanged = true;
    });
    this.setApplied(pod.identity, true);
    return pod;
  }

  /** The pod's entry alone, under a new epoch. */
  changePod(pod: Pod): void {
    this.turn((epoch) => this.#endpoints.write(integerKey(pod.slot), encodePod(pod, epoch)));
  }

  setPeer(of: string, peer: PeerSpec): void {
    this.turn(() => {
      this.#writePeer(of, peer);
      this.#peersChanged = true;
    });
  }

  deletePeer(of: string): void {
    this.turn(() => {
      const who = address(of);
      this.#addresses[who.family].remove(addressKey(who));
      this.#peersChanged = true;
    });
  }

  setPrefix(of: string, identity: number, peerClass = 0): void {
    this.turn((epoch) => {
      const what = prefix(of);
      this.#prefixes[what.family].write(prefixKey(what), prefixCodec.encode({ identity, peerClass }));
      this.#prefixEpoch = epoch;
    });
  }

  addNode({ slot, address: outer, mac, ownMac, interface: device, mtu, podRanges }: FarNode): void {
    const { family, ...rest } = address(outer);
    const value = { mac: macBytes(mac), ownMac: macBytes(ownMac), interface: device, address: toBytes({ family, ...rest }), mtu, family };
    this.turn((epoch) => {
      this.#nodes.write(integerKey(slot), nodeCodec.encode(value));
      this.#nodeSlots.write(toBytes(address(outer)), nodeSlotCodec.encode({ slot }));
      for (const range of podRanges) this.#podRanges.write(wideKey(prefix(range)), nodeSlotCodec.encode({ slot }));
      this.#prefixEpoch = epoch;
    });
  }

  /** Nothing comes from that node any more. */
  removeNode({ slot, address: outer }: FarNode): void {
    this.turn(() => {
      this.#nodeSlots.remove(toBytes(address(outer)));
      this.#nodes.write(integerKey(slot), Buffer.alloc(nodeCodec.size));
    });
  }

  /** That node no longer has the range. */
  removeRange(range: string): void {
    this.turn((epoch) => {
      this.#podRanges.remove(wideKey(prefix(range)));
      this.#prefixEpoch = epoch;
    });
  }

  setApplied(identity: number, applied: boolean): void {
    const key = integerKey(Math.floor(identity / 64));
    if (identity >= APPLIED_WORDS * 64) return;
    const word = this.#applied.read(key);
    const bit = 1n << BigInt(identity % 64);
    const value = word.readBigUInt64LE();
    word.writeBigUInt64LE(applied ? value | bit : value & ~bit);
    this.turn(() => {
      this.#applied.write(key, word);
      this.#peersChanged = true;
    });
  }

  #writePeer(of: string, { identity, slot = 0, node = 0 }: PeerSpec): void {
    const who = address(of);
    this.#addresses[who.family].write(addressKey(who), peerCodec.encode({ identity, slot, node }));
  }

  /** All of them: which one belongs to an address is not what these tests are about. */
  #raisePeerEpochs(): void {
    this.#peersChanged = false;
    this.#peerEpochs.updateBatchSync(everyPeerIndex, Buffer.from(new Uint32Array(PEER_EPOCHS).fill(this.#clock).buffer));
  }
}

const everyPeerIndex = Buffer.concat(Array.from({ length: PEER_EPOCHS }, (_, index) => integerKey(index)));

function encodePod(pod: Pod, epoch: number): Buffer {
  const { ENDPOINT_HAS_IPV4, ENDPOINT_HAS_IPV6, ENDPOINT_READY, ENDPOINT_AUDIT } = endpointFlags;
  return endpointCodec.encode({
    epoch,
    ifindex: pod.ifindex,
    identity: pod.identity,
    subject: pod.subject,
    ipv4: Buffer.from(toBytes(address(pod.ipv4), 4)).readUInt32BE(),
    mac: macBytes(pod.mac),
    nodeMac: macBytes(pod.nodeMac),
    flags: ENDPOINT_HAS_IPV4 | ENDPOINT_HAS_IPV6 | (pod.ready === false ? 0 : ENDPOINT_READY) | (pod.audit === true ? ENDPOINT_AUDIT : 0),
    ipv6: toBytes(address(pod.ipv6)),
  });
}

function addressKey(of: Address): Uint8Array {
  return toBytes(of, of.family === 4 ? 4 : 16);
}

/** Of both families in one table: IPv4 behind ::ffff:. */
function wideKey({ family, value, bits }: Prefix): Buffer {
  return prefix6KeyCodec.encode({ prefixLength: family === 4 ? 96 + bits : bits, address: toBytes({ family, value }) });
}

function prefixKey(of: Prefix): Buffer {
  const first = { family: of.family, value: of.value };
  if (of.family === 4) return prefix4KeyCodec.encode({ prefixLength: of.bits, address: Buffer.from(toBytes(first, 4)).readUInt32BE() });
  return prefix6KeyCodec.encode({ prefixLength: of.bits, address: toBytes(first) });
}
