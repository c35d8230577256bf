import { mkdirSync } from 'node:fs';
import { address, prefix } from '@myelin/address';
import { BpfMap, BpfProgram, RingBuffer, tcxPrograms } from '@myelin/bpf-native';
import { Datapath, kernelPolicy, kernelPrefixes } from '@myelin/datapath';
import { NodeTables } from '@myelin/loadbalancing';
import { Localizer } from '@myelin/policy-localize';
import { type Counts, countsOf } from './evidence.ts';
import type { PodInterface } from './interfaces.ts';
import { makeServices, serviceAddress } from './services.ts';
import { clusterRanges, ports, type Workload, type WorkloadPod } from './workload.ts';

/** A pod of the measured node. */
export interface NodePod extends WorkloadPod {
  readonly slot: number;
  readonly ifindex: number;
  readonly mac: string;
  readonly nodeMac: string;
}

/** What a node is made of. */
export interface NodeOptions {
  /** Folder on a BPF file system, not there yet. */
  readonly bpffs: string;
  readonly objectFiles: readonly string[];
  readonly workload: Workload;
  /** At least one for the server and one for each client; the other pods of the node share them. */
  readonly interfaces: readonly PodInterface[];
  readonly tunnelDevice: PodInterface;
  /** Buckets of `flows_v4`; absent: the default. */
  readonly flowBuckets?: number | undefined;
}

/** The node where remote pods live. */
const remoteNode = { slot: 1, address: '192.0.2.2', mtu: 1450, mac: '02:4d:00:00:00:02', ownMac: '02:4d:00:00:00:01' } as const;

/** Offset of `ifindex` in `struct __sk_buff`, and its size. */
const contextFields = { ifindex: 40, size: 192 } as const;
const eventBatchBytes = 1 << 20;
const flowChunk = 4096;

/** The real programs in the kernel, loaded by libs/datapath, their maps filled by the control plane's own code. */
export class BenchNode {
  readonly server: NodePod;
  readonly clients: readonly NodePod[];
  /** `from_pod`, the very program that is attached to the pods' interfaces. */
  readonly program: BpfProgram;
  /** `from_tunnel`, likewise, at the tunnel device. */
  readonly tunnelProgram: BpfProgram;
  /** A pod of another node, and that node's outer address. */
  readonly remoteClient: WorkloadPod;
  readonly remoteAddress = remoteNode.address;
  readonly #datapath: Datapath;
  readonly #maps: readonly BpfMap[];
  readonly #services = new NodeTables({ size: 251, seed: 'bench' });
  readonly #batch = Buffer.alloc(eventBatchBytes);

  private constructor(
    datapath: Datapath,
    pods: readonly NodePod[],
    remoteClient: WorkloadPod,
    program: BpfProgram,
    tunnelProgram: BpfProgram,
  ) {
    this.#datapath = datapath;
    this.#maps = program.info.mapIds.map((id) => BpfMap.openId(id));
    [this.server, ...this.clients] = pods as [NodePod, ...NodePod[]];
    this.program = program;
    this.tunnelProgram = tunnelProgram;
    this.remoteClient = remoteClient;
  }

  static async open({ bpffs, objectFiles, workload, interfaces, tunnelDevice, flowBuckets }: NodeOptions): Promise<BenchNode> {
    mkdirSync(bpffs);
    const sizes = flowBuckets === undefined ? {} : { flows_v4: flowBuckets };
    const datapath = await Datapath.open({ bpffs, objectFiles, sizes, attachBy: 'tcx' });
    await writePolicies(datapath, workload);
    const pods = [workload.server, ...workload.clients].map((pod, number) => addPod(datapath, pod, interfaces[number]!));
    const { remoteClient } = workload;
    const { slot, address: outer, ...ends } = remoteNode;
    const podRanges = [prefix(`${remoteClient.ipv4}/32`), prefix(`${remoteClient.ipv6}/128`)];
    datapath.nodes.set(slot, { ...ends, address: address(outer), ifindex: tunnelDevice.ifindex, podRanges });
    datapath.clock.turn(() => {
      // Pods that send nothing here need no interface of their own.
      for (const { ipv4, ipv6, identity } of workload.others) setAddresses(datapath, [ipv4, ipv6], { identity, slot: 0, node: 0 });
      for (const { ipv4, ipv6, identity } of [...workload.remote, remoteClient])
        setAddresses(datapath, [ipv4, ipv6], { identity, slot: 0, node: remoteNode.slot });
    });
    const { ifindex } = await datapath.attachments.attach(interfaces[0]!.name);
    while (!(await datapath.attachments.moveToTcx(interfaces[0]!.name)));
    const program = BpfProgram.openId(tcxPrograms({ ifindex, direction: 'ingress' }).at(-1)!);
    const tunnel = await datapath.attachments.attachTunnel(tunnelDevice.name);
    const tunnelProgram = BpfProgram.openId(tcxPrograms({ ifindex: tunnel, direction: 'ingress' }).at(-1)!);
    return new BenchNode(datapath, pods, remoteClient, program, tunnelProgram);
  }

  /** A map of the node, by its name (the kernel keeps 15 characters of it): what the program uses, pinned or not. */
  map(name: string): BpfMap {
    const found = this.#maps.find(({ info }) => info.name === name.slice(0, 15));
    if (found === undefined) throw new Error(`the program from_pod uses no map ${name}`);
    return found;
  }

  /** One packet that a pod sends; what the program returned. */
  async send(pod: NodePod, frame: Buffer): Promise<number> {
    const { returnValue } = await this.program.testRun({ data: frame, context: contextOf(pod) });
    return returnValue;
  }

  /** So many services and no others, which all lead to the server; one of them is `service`. */
  async serve(count: number): Promise<void> {
    await this.#datapath.services.apply(this.#services.replace(makeServices(count, this.server, ports.allowed)));
  }

  /** Address of the service that is measured. */
  readonly service = serviceAddress;

  counts(): Counts {
    return countsOf(this.#datapath.counters());
  }

  /** Empties the ring buffer; how many records there were. Nobody reads it otherwise, so that no reader disturbs what is measured. */
  drainEvents(): number {
    const ring = new RingBuffer(this.map('events'), this.#batch, () => {});
    let records = 0;
    for (let batch = ring.drain(); batch.count > 0; batch = ring.drain()) records += batch.count;
    ring.close();
    return records;
  }

  /** As if there had never been a flow over IPv4. */
  forgetFlows(): void {
    for (const name of ['flows_v4', 'flow_shares']) {
      const map = this.map(name);
      const { maxEntries, valueSize } = map.info;
      const zeros = Buffer.alloc(valueSize * Math.min(flowChunk, maxEntries));
      for (let first = 0; first < maxEntries; first += flowChunk) map.updateBatchSync(indexes(first, zeros.length / valueSize), zeros);
    }
  }

  close(): void {
    for (const map of this.#maps) map.close();
    this.program.close();
    this.tunnelProgram.close();
    this.#datapath.close();
  }
}

/** The context of a test run at a pod's interface. */
export function contextOf({ ifindex }: NodePod): Buffer {
  const context = Buffer.alloc(contextFields.size);
  context.writeUInt32LE(ifindex, contextFields.ifindex);
  return context;
}

async function writePolicies(datapath: Datapath, workload: Workload): Promise<void> {
  const localizer = new Localizer();
  const steps = localizer.update({ put: workload.policies, clusterRanges: clusterRanges.map((text) => prefix(text)) });
  for (const step of steps) {
    if (step.kind === 'subjects') await datapath.policies.apply({ put: step.put.map(kernelPolicy) });
  }
  datapath.prefixes.reconcile(kernelPrefixes(localizer.prefixRows()));
  datapath.appliedIdentities.set(workload.identities);
}

function addPod(datapath: Datapath, pod: WorkloadPod, { ifindex }: PodInterface): NodePod {
  const slot = datapath.endpoints.reserve();
  const macs = { mac: `02:00:00:00:01:${hexByte(slot)}`, nodeMac: `02:00:00:00:02:${hexByte(slot)}` };
  datapath.endpoints.write({
    slot,
    ifindex,
    identity: pod.identity,
    subject: datapath.policies.subjectOf(pod.identity),
    addresses: [address(pod.ipv4), address(pod.ipv6)],
    ...macs,
    ready: true,
  });
  setAddresses(datapath, [pod.ipv4, pod.ipv6], { identity: pod.identity, slot, node: 0 });
  return { ...pod, slot, ifindex, ...macs };
}

function setAddresses(datapath: Datapath, addresses: readonly string[], peer: Parameters<Datapath['addresses']['set']>[1]): void {
  for (const text of addresses) datapath.addresses.set(address(text), peer);
}

function hexByte(number: number): string {
  return number.toString(16).padStart(2, '0');
}

function indexes(first: number, count: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: count }, (_, at) => first + at).buffer);
}
