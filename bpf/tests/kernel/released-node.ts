import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { address, toBytes } from '@myelin/address';
import {
  attachFilter,
  attachTcx,
  BpfMap,
  BpfObject,
  interfaceIndex,
  mapTypes,
  mountBpfFileSystem,
  unmountBpfFileSystem,
} from '@myelin/bpf-native';
import { kernelHz, tickShift } from '@myelin/datapath';
import { encode, type ReleaseLayout, releaseLayout, unpackObjects, type Value } from '@myelin/tool-release';
import { macBytes } from '../packets/bytes.ts';
import { Namespaces, run } from './namespaces.ts';
import type { Pod } from './tables.ts';
import { integerKey } from './test-map.ts';

/** Buckets of each flow table. */
const flowBuckets = 1024;
const everything = { epoch: 1, clock: 2 } as const;
/** Where 0.1.0 puts its filters. */
const place = { handle: 1, priority: 1 } as const;

/** What a policy of the tests allows at ingress; all else is denied there. */
export interface Allowed {
  readonly identity: number;
  readonly protocol: 6 | 17;
  readonly port: number;
}

/** What differs from the release, for layouts that no release has had. */
export interface Deviation {
  /** Written beside the maps in the place of the release's own. */
  readonly digest?: bigint;
  /** Entries of tables, by name. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/**
 * A node as a release's agent has left it: the release's own programs, its pinned maps with what it would have written, pods with live interfaces. Nothing here goes by what this tree thinks of maps: bytes are those of the
 * release's `layout.json`.
 */
export class ReleasedNode {
  readonly namespaces = new Namespaces();
  readonly layout: ReleaseLayout;
  readonly #folder = mkdtempSync(join(tmpdir(), 'myelin-released-'));
  readonly bpffs = join(this.#folder, 'bpf', 'node');
  readonly #objects: BpfObject[] = [];
  readonly #maps = new Map<string, BpfMap>();
  readonly #links: string[] = [];
  #policies = 0;

  private constructor(version: string) {
    this.layout = releaseLayout(version);
    mkdirSync(join(this.#folder, 'bpf'));
    mountBpfFileSystem(join(this.#folder, 'bpf'));
    for (const folder of ['maps', 'links']) mkdirSync(join(this.bpffs, folder), { recursive: true });
  }

  static async start(version: string, deviation: Deviation = {}): Promise<ReleasedNode> {
    const node = new ReleasedNode(version);
    try {
      await node.#load(version, deviation);
      return node;
    } catch (error) {
      node.close();
      throw error;
    }
  }

  /** As the release's loader does it: maps of all objects are one, pinned by name, beside the seeds and the layout's digest. */
  async #load(version: string, { digest, sizes = {} }: Deviation): Promise<void> {
    const seeds = this.#pinBirth(digest ?? BigInt(`0x${this.layout.digest}`));
    for (const file of unpackObjects(version, this.#folder)) {
      const object = BpfObject.open(file);
      this.#objects.push(object);
      const pinned = object.maps().filter(({ name }) => this.layout.maps[name] !== undefined);
      for (const { name } of pinned) {
        const size = name.startsWith('flows_') ? flowBuckets : sizes[name];
        if (size !== undefined) object.setMaxEntries(name, size);
        const map = this.#maps.get(name);
        if (map !== undefined) object.reuseMap(name, map);
      }
      for (const mask of ['flow_mask4', 'flow_mask6']) object.setVariable(mask, integerKey(flowBuckets - 1));
      object.setVariable('flow_seed', seeds);
      object.setVariable('flow_tick_shift', integerKey(tickShift(kernelHz())));
      await object.load();
      for (const { name } of pinned) {
        if (this.#maps.has(name)) continue;
        const map = object.map(name);
        map.pin(join(this.bpffs, 'maps', name));
        this.#maps.set(name, map);
      }
    }
    await this.#program('sweep_start').testRun({ data: Buffer.alloc(64) });
    for (const range of ['0.0.0.0/0', '::/0']) this.#setWorld(range);
    this.#write('node_state', 0, { clock: everything.clock, prefix_epoch: everything.epoch });
  }

  #pinBirth(layout: bigint): Buffer {
    const seeds = Buffer.alloc(this.layout.numbers.FLOW_SEEDS! * 8, 0x5a);
    const map = BpfMap.create({ type: mapTypes.array, name: 'layout', keySize: 4, valueSize: 8 + seeds.length, maxEntries: 1 });
    const digest = Buffer.alloc(8);
    digest.writeBigUInt64LE(layout);
    map.update(integerKey(0), Buffer.concat([digest, seeds]));
    map.pin(join(this.bpffs, 'maps', 'layout'));
    map.close();
    return seeds;
  }

  /** A pod with a namespace and a live interface. `by`: how the release's programs hang there. */
  async addPod(
    pod: Pod,
    name: string,
    by: 'filters' | 'links',
    allowed: readonly Allowed[] | null,
  ): Promise<{ readonly namespace: string; readonly link: string }> {
    const namespace = this.namespaces.make(name);
    const link = `mu${process.pid}${name.at(0)}`;
    run('ip', 'link', 'add', link, 'address', pod.nodeMac, 'type', 'veth', 'peer', 'name', 'eth0', 'address', pod.mac, 'netns', namespace);
    this.#links.push(link);
    const within = (...words: readonly string[]) => run('ip', '-n', namespace, ...words);
    within('address', 'add', `${pod.ipv4}/32`, 'dev', 'eth0');
    within('-6', 'address', 'add', `${pod.ipv6}/128`, 'dev', 'eth0', 'nodad');
    const ifindex = interfaceIndex(link)!;
    this.#writePod({ ...pod, ifindex }, allowed);
    for (const [program, direction] of [
      ['from_pod', 'ingress'],
      ['to_pod', 'egress'],
    ] as const) {
      if (by === 'filters') await attachFilter(this.#program(program), { ifindex, direction }, place);
      else await attachTcx(this.#program(program), { ifindex, direction }, join(this.bpffs, 'links', `${link}-${program}`));
    }
    run('ip', 'link', 'set', link, 'up');
    within('link', 'set', 'eth0', 'up');
    within('route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
    within('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'src', pod.ipv4);
    within('-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0');
    return { namespace, link };
  }

  /** A Service with one backend, for the protocol. */
  addService(
    pool: number,
    vip: string,
    port: number,
    protocol: 6 | 17,
    backend: { readonly address: string; readonly port: number },
  ): void {
    const at = toBytes(address(backend.address), 16);
    const row = pool;
    this.#write('service_backends', row, {
      address: at,
      port: backend.port,
      state: this.layout.numbers['backendState.BACKEND_READY']!,
      pool,
    });
    this.#put('pool_members', { pool, port: backend.port, address: at }, { row });
    this.#write('service_pools', pool, { first: row, room: 1, usable: 1, only: 0 });
    const { map, of } = vip.includes(':')
      ? { map: 'frontends_v6', of: toBytes(address(vip)) }
      : { map: 'frontends_v4', of: Buffer.from(toBytes(address(vip), 4)).readUInt32BE() };
    this.#put(map, { address: of, port: 0, protocol: 0 }, { pool: 0 });
    this.#put(map, { address: of, port, protocol }, { pool });
  }

  /** The release's agent ends: its descriptors are gone, what is pinned and attached stays. */
  leave(): void {
    for (const map of this.#maps.values()) map.close();
    this.#maps.clear();
    for (const object of this.#objects.splice(0)) object.close();
  }

  close(): void {
    for (const link of this.#links) run('ip', 'link', 'delete', link);
    this.namespaces.close();
    this.leave();
    unmountBpfFileSystem(join(this.#folder, 'bpf'));
    rmSync(this.#folder, { recursive: true });
  }

  #writePod(pod: Pod, allowed: readonly Allowed[] | null): void {
    const { numbers } = this.layout;
    const flags =
      numbers['endpointFlags.ENDPOINT_HAS_IPV4']! | numbers['endpointFlags.ENDPOINT_HAS_IPV6']! | numbers['endpointFlags.ENDPOINT_READY']!;
    const [ipv4, ipv6] = [toBytes(address(pod.ipv4), 4), toBytes(address(pod.ipv6))];
    const { identity, slot, subject, ifindex } = pod;
    this.#write('endpoints', slot, {
      ...{ epoch: everything.epoch, ifindex, identity, subject, flags },
      ...{ ipv4: Buffer.from(ipv4).readUInt32BE(), ipv6, mac: macBytes(pod.mac), node_mac: macBytes(pod.nodeMac) },
    });
    this.#write('interfaces', ifindex, { slot });
    this.#put('addresses_v4', ipv4, { identity, slot });
    this.#put('addresses_v6', ipv6, { identity, slot });
    const word = Math.floor(identity / 64);
    const before = this.#maps.get('applied_identities')!.lookup(integerKey(word))!.readBigUInt64LE();
    this.#write('applied_identities', word, before | (1n << BigInt(identity % 64)));
    this.#writePolicy(subject, identity, allowed);
  }

  /** A bucket for each policy, which has room for four entries. */
  #writePolicy(subject: number, identity: number, allowed: readonly Allowed[] | null): void {
    const { numbers } = this.layout;
    const id = ++this.#policies;
    const key = ({ identity, protocol, port }: Allowed) =>
      BigInt(identity) |
      (BigInt(1 + 2 * port) << BigInt(numbers['policyKey.POLICY_KEY_BLOCK']!)) |
      (BigInt(protocol) << BigInt(numbers['policyKey.POLICY_KEY_PROTOCOL']!)) |
      (BigInt(numbers['policySpace.SPACE_IDENTITY']!) << BigInt(numbers['policyKey.POLICY_KEY_SPACE']!)) |
      (BigInt(numbers['direction.DIRECTION_INGRESS']!) << BigInt(numbers['policyKey.POLICY_KEY_DIRECTION']!));
    const ways = (allowed ?? []).map((entry) => ({ key: key(entry), origin: 1, used: 1 }));
    const sizes = Array.from({ length: 6 }, (_, at) => (ways.length > 0 && at === numbers['policySpace.SPACE_IDENTITY'] ? 1 : 0));
    this.#write('policy_entries', id, { ways });
    const isolation = allowed === null ? {} : { flags: numbers['policyFlags.POLICY_INGRESS_ISOLATED']!, ingress_default_origin: 2 };
    this.#write('policies', id, { identity, digest: BigInt(subject), first: id, buckets: allowed === null ? 0 : 1, sizes, ...isolation });
    this.#write('subjects', subject, { policy: id, epoch: everything.epoch });
  }

  #setWorld(range: string): void {
    const isIpv4 = range === '0.0.0.0/0';
    const identity = this.layout.numbers[`reservedIdentity.IDENTITY_WORLD_IPV${isIpv4 ? 4 : 6}`]!;
    this.#put(isIpv4 ? 'prefixes_v4' : 'prefixes_v6', { prefix_length: 0 }, { identity });
  }

  #write(map: string, index: number, value: Value): void {
    this.#put(map, index, value);
  }

  #put(map: string, key: Value, value: Value): void {
    this.#maps.get(map)!.update(encode(this.layout, map, 'key', key), encode(this.layout, map, 'value', value));
  }

  #program(name: string) {
    const object = this.#objects.find((each) => each.programs().some((program) => program.name === name))!;
    return object.program(name);
  }
}
