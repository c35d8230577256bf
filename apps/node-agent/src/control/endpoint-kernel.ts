import { type Address, parseAddress } from '@myelin/address';
import { interfaceIndex } from '@myelin/bpf-native';
import type { Datapath, Peer } from '@myelin/datapath';
import type { EndpointRecord } from '@myelin/identity-rules';
import { reservedIdentities } from '@myelin/labels';
import { makePair, openPair, removePair } from '../adapters/links.ts';
import { hardwareAddresses, hostInterfaceName } from '../domain/host-interface.ts';
import type { Link } from '../domain/link-commands.ts';
import type { TcxMoves } from './tcx-moves.ts';

/** What all pairs of a node have in common. */
export interface LinkDefaults {
  readonly nodeAddresses: Link['nodeAddresses'];
  readonly mtu: number;
}

/** Addresses of a record. */
export function addressesOf({ addresses }: Pick<EndpointRecord, 'addresses'>): readonly Address[] {
  return addresses.map(parseAddress).filter((address) => address !== null);
}

/** What endpoints are in this node's kernel: their pairs, programs and entries. Each operation may be done twice. */
export class EndpointKernel {
  readonly #datapath: Datapath;
  readonly #moves: TcxMoves;
  readonly #defaults: LinkDefaults;

  constructor(datapath: Datapath, moves: TcxMoves, defaults: LinkDefaults) {
    this.#datapath = datapath;
    this.#moves = moves;
    this.#defaults = defaults;
  }

  /** Whether the node's side of the pair is there. */
  hasLink({ spec }: EndpointRecord): boolean {
    return interfaceIndex(hostInterfaceName(spec.uid)) !== null;
  }

  /**
   * Makes the pair; it goes up only when programs are attached and know the endpoint, which isn't ready yet: its packets drop (design D6). Room for its addresses is
   * taken here, while it can still be refused: they are nobody's until it is in force (design D4).
   */
  link(record: EndpointRecord): Promise<void> {
    return this.#moves.hold(async () => {
      const link = this.#linkOf(record);
      await makePair(link);
      const ifindex = await this.#attach(link.hostInterface);
      this.#datapath.clock.turn(() => {
        this.#write(record, ifindex, false);
        this.#setPeers({ ...record, linked: true });
      });
      await openPair(link);
    });
  }

  /** Gives a pair that is there already this version's programs, in place. */
  async adopt({ spec }: EndpointRecord): Promise<void> {
    await this.#attach(hostInterfaceName(spec.uid));
  }

  /** Puts `inForce` in force: entry and addresses change in one turn of the clock. Its policy must be in the maps. */
  enforce(record: EndpointRecord): void {
    this.#change(record, true);
  }

  /** Takes the ready flag back in one turn of the clock: what the endpoint sends and what is sent to it drops (203), open connections too; its pair and its room in the maps stay. */
  cutOff(record: EndpointRecord): void {
    this.#change(record, false);
  }

  #change(record: EndpointRecord, isReady: boolean): void {
    const ifindex = interfaceIndex(hostInterfaceName(record.spec.uid));
    if (ifindex === null) return;
    this.#datapath.clock.turn(() => {
      this.#write(record, ifindex, isReady);
      this.#setPeers(record);
    });
  }

  /** Takes the endpoint out of the maps, then its pair away: it is cut off before its number and its addresses are given back (design C1). */
  async detach(record: EndpointRecord): Promise<void> {
    this.#clear(record);
    // Programs go with the interface: a pair without them would let everything pass.
    const name = hostInterfaceName(record.spec.uid);
    await this.#moves.drop(name);
    await removePair(name);
    await this.#datapath.attachments.detach(name);
  }

  /** Takes an endpoint whose interface has gone out of the maps. */
  async forget(record: EndpointRecord): Promise<void> {
    this.#clear(record);
    await this.#datapath.attachments.detach(hostInterfaceName(record.spec.uid));
  }

  /** Returns the interface's index. */
  async #attach(interfaceName: string): Promise<number> {
    const { ifindex, isProvisional } = await this.#datapath.attachments.attach(interfaceName);
    if (isProvisional) this.#moves.add(interfaceName);
    return ifindex;
  }

  #clear(record: EndpointRecord): void {
    const { endpoints, addresses, clock } = this.#datapath;
    clock.turn(() => {
      endpoints.remove(record.slot);
      for (const address of addressesOf(record)) if (addresses.read(address)?.slot === record.slot) addresses.delete(address);
    });
  }

  /** Entries of the address table that belong to an endpoint: with its identity once that is in force, unknown before. */
  peers({ inForce, linked, slot, addresses }: EndpointRecord): readonly (readonly [Address, Peer])[] {
    if (!linked) return [];
    const identity = inForce?.identity ?? reservedIdentities.unknown;
    return addressesOf({ addresses }).map((address) => [address, { identity, slot, node: 0 }]);
  }

  #setPeers(record: EndpointRecord): void {
    for (const [address, peer] of this.peers(record)) this.#datapath.addresses.set(address, peer);
  }

  #write(record: EndpointRecord, ifindex: number, ready: boolean): void {
    const { pod, node } = hardwareAddresses(record.spec.uid);
    const identity = ready ? record.inForce!.identity : 0;
    const subject = ready ? this.#datapath.policies.subjectOf(identity) : 0;
    this.#datapath.endpoints.write({
      slot: record.slot,
      ifindex,
      identity,
      subject,
      addresses: addressesOf(record),
      mac: pod,
      nodeMac: node,
      ready,
    });
  }

  #linkOf(record: EndpointRecord): Link {
    const { uid, interfaceName, netns } = record.spec;
    const { pod, node } = hardwareAddresses(uid);
    return {
      hostInterface: hostInterfaceName(uid),
      podInterface: interfaceName,
      netns,
      podMac: pod,
      nodeMac: node,
      addresses: addressesOf(record),
      ...this.#defaults,
    };
  }
}
