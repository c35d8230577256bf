import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfMap } from '@myelin/bpf-native';
import { type Counters, readCounters } from '@myelin/datapath';
import { agentBpffs, type LabConfig, openLab, readConfig, run, runningLab, takeDown, up, whereIs } from '@myelin/tool-lab';
import { attachIn } from './attachment.ts';
import { labManifests, policyCount } from './manifests.ts';
import { clientSettings } from './plain-node.ts';
import { serviceCount } from './services.ts';
import { type Ends, ports } from './traffic.ts';

const node = 'node';
/** With services it takes a minute. */
const startSeconds = 240;

/** Where the lab is: a folder of its own, and the lab's configuration. */
interface Place {
  readonly folder: string;
  readonly config: LabConfig;
}

/** A node of ours in a lab: the real agent, to which the control plane has given `policyCount` policies, two pods, and services where they are wanted. */
export class OurNode {
  readonly ends: Ends;
  /** The node's own network namespace. */
  readonly netns: string;
  readonly #place: Place;
  readonly #counters: BpfMap;
  #closing: Promise<void> | undefined;

  private constructor(place: Place) {
    const lab = runningLab(place.config);
    const netnsOf = (name: string) => whereIs(lab, { kind: 'pod', node, namespace: 'bench', name }).netns;
    const server = lab.state.pods.find(({ manifest }) => manifest.name === 'server')!;
    this.ends = {
      client: netnsOf('client'),
      server: netnsOf('server'),
      serverAddress: server.addresses.find((text) => !text.includes(':'))!,
    };
    this.netns = whereIs(lab, { kind: 'node', node }).netns;
    this.#place = place;
    this.#counters = BpfMap.openPinned(join(agentBpffs(lab.paths, node), 'maps', 'counters'));
  }

  /** Leaves nothing behind where it fails. */
  static async make(withServices: boolean, say: (text: string) => void): Promise<OurNode> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const place = { folder, config: { ...readConfig(), labDir: join(folder, 'lab'), isNamed: true } };
    try {
      const file = join(folder, 'lab.yaml');
      await writeFile(file, labManifests({ withServices }));
      say(`starting a lab with ${policyCount} policies${withServices ? ` and ${serviceCount} services` : ''}`);
      const context = { config: place.config, print: () => {}, say: () => {} };
      if ((await up(context, [file], startSeconds, { routing: 'overlay', underlay: 'ipv4', replicas: 1 })) !== 0)
        throw new Error('the lab did not start');
      const ours = new OurNode(place);
      const settings = Object.entries(clientSettings).map(([name, value]) => `${name}=${value}`);
      await run({ netns: ours.ends.client }, ['sysctl', '-qw', ...settings]);
      await attachIn(ours.ends.server, { program: 'take', interfaceName: 'eth0', datagramPort: ports.datagrams });
      return ours;
    } catch (error) {
      await takeAway(place);
      throw error;
    }
  }

  /** What the node's programs have counted. */
  counters(): Counters {
    return readCounters(this.#counters);
  }

  /** Once, however often it is called. */
  close(): Promise<void> {
    this.#closing ??= takeAway(this.#place);
    return this.#closing;
  }
}

async function takeAway({ folder, config }: Place): Promise<void> {
  await takeDown(openLab(config));
  await rm(folder, { recursive: true, force: true });
}
