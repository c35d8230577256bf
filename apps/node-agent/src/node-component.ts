import { existsSync, mkdirSync } from 'node:fs';
import { Datapath, DatapathError, type DatapathOptions } from '@myelin/datapath';
import { type Component, Lifecycle, MyelinError, type ServiceContext } from '@myelin/service';
import { enableForwarding } from './adapters/forwarding.ts';
import { checkRequirements } from './adapters/requirements.ts';
import type { NodeAgentConfig } from './config.ts';
import type { Node } from './control/node.ts';
import { openUnderlay } from './control/underlay.ts';
import { type WiredNode, wireNode } from './node-wiring.ts';

/**
 * The node: looks whether the machine can do it, adopts or loads the datapath, brings it to what was written down, and only then begins to talk to its peers.
 * Stopping it changes nothing in the kernel: traffic goes on as it was (design D6).
 */
export class NodeComponent implements Component {
  readonly name = 'node';
  readonly #config: NodeAgentConfig;
  readonly #context: ServiceContext;
  #datapath: Datapath | null = null;
  #wired: WiredNode | null = null;
  #lifecycle: Lifecycle | null = null;

  constructor(config: NodeAgentConfig, context: ServiceContext) {
    this.#config = config;
    this.#context = context;
  }

  /** Throws `unavailable` before it has started. */
  get running(): Node {
    if (this.#wired === null) throw new MyelinError('unavailable', 'the node agent has not started yet');
    return this.#wired.node;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { bpffs, socket, tableSizes, clusterId, stopDeadlineMs } = this.#config;
    const { log } = this.#context;
    const features = await checkRequirements({ bpffs, socket });
    enableForwarding(existsSync('/proc/sys/net/ipv6') ? new Set([4, 6]) : new Set([4]));
    this.#datapath = await openDatapath({ bpffs, sizes: Object.fromEntries(tableSizes), clusterId });
    log.info({ adopted: this.#datapath.adopted, attachedBy: this.#datapath.attachments.kind }, 'datapath opened');
    const underlay = await openUnderlay(this.#config, this.#datapath);
    log.info({ ...underlay.routing, mtu: underlay.mtu }, 'way to other nodes opened');
    const wired = wireNode(this.#config, this.#context, this.#datapath, features, underlay);
    this.#wired = wired;
    await wired.restore();
    this.#lifecycle = new Lifecycle(wired.components, { log, stopDeadlineMs });
    await this.#lifecycle.start(signal);
  }

  async stop(): Promise<void> {
    this.#wired?.node.endpoints.stop();
    await this.#lifecycle?.stop();
    await this.#wired?.node.policies.settled();
    this.#datapath?.close();
  }
}

async function openDatapath(options: DatapathOptions): Promise<Datapath> {
  try {
    mkdirSync(options.bpffs, { recursive: true, mode: 0o700 });
    return await Datapath.open(options);
  } catch (cause) {
    if (!(cause instanceof DatapathError) && (cause as NodeJS.ErrnoException).syscall !== 'mkdir') throw cause;
    throw new MyelinError('failed_precondition', (cause as Error).message, { cause });
  }
}
