import { setTimeout as sleep } from 'node:timers/promises';
import { formatPrefix, type Prefix, parsePrefix } from '@myelin/address';
import { IpamServiceService } from '@myelin/contracts/ipam';
import { type Channel, clientOf, isTransient } from '@myelin/rpc';
import { type Condition, type Log, MyelinError, type Readiness } from '@myelin/service';
import type { StateFolder } from './state-folder.ts';

const file = 'blocks';
const retryMs = 500;

/** What getting a node's blocks needs. */
export interface BlocksOptions {
  readonly node: string;
  /** Ranges that the node was told to have; empty: the pools decide. */
  readonly requested: readonly Prefix[];
  readonly channel: Channel;
  readonly state: StateFolder;
  readonly log: Log;
  readonly readiness: Readiness;
}

/** The node's pod ranges: asked for once in the node's life, from then on in the state folder. */
export class Blocks {
  readonly #options: BlocksOptions;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  readonly #known = Promise.withResolvers<readonly Prefix[]>();
  #asking: Promise<void> | null = null;
  #presenting: Promise<void> | null = null;

  constructor(options: BlocksOptions) {
    this.#options = options;
    this.#condition = options.readiness.condition('address blocks', `waits for ${options.channel.peer}`);
    this.#known.promise.catch(() => {});
  }

  readonly name = 'address blocks';

  /** Throws `failed_precondition` where the node was told other ranges than it has. */
  start(): void {
    const { state, requested } = this.#options;
    const stored = state.read<readonly string[]>(file);
    if (stored === null) {
      this.#asking = this.#ask();
      return;
    }
    const missing = requested.map(formatPrefix).filter((cidr) => !stored.includes(cidr));
    if (missing.length > 0) {
      const message = `--pod-cidr asks for ${missing.join(', ')}, but this node has ${stored.join(', ')} (${state.path}): leave it out, or remove the node's pods and that folder`;
      throw new MyelinError('failed_precondition', message);
    }
    this.#set(stored);
  }

  /** Resolves once they are known. */
  known(): Promise<readonly Prefix[]> {
    return this.#known.promise;
  }

  /** Says to ipam which ones the node has, where ipam may have lost that; in the background, until it is heard. */
  present(): void {
    if (this.#presenting !== null) return;
    this.#presenting = this.#present().finally(() => {
      this.#presenting = null;
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#asking, this.#presenting]);
    this.#known.reject(new MyelinError('unavailable', 'stopped before the node had address blocks'));
  }

  #set(cidrs: readonly string[]): void {
    this.#known.resolve(cidrs.map((cidr) => parsePrefix(cidr)).filter((prefix) => prefix !== null));
    this.#condition.ready();
  }

  async #ask(): Promise<void> {
    const { node, requested, channel, state, log } = this.#options;
    const client = clientOf(IpamServiceService, channel);
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { cidrs } = await client.acquireBlocks({ node, requestedCidrs: requested.map(formatPrefix) }, { signal });
        state.write(file, cidrs);
        log.info({ cidrs }, 'address blocks acquired');
        return this.#set(cidrs);
      } catch (error) {
        if (signal.aborted) return;
        const reason = (error as Error).message;
        this.#condition.missing(reason);
        if (!isTransient(error)) log.error({ reason }, 'address blocks were refused');
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  async #present(): Promise<void> {
    const { node, channel, state, log } = this.#options;
    const client = clientOf(IpamServiceService, channel);
    const { signal } = this.#stopping;
    const held = state.read<readonly string[]>(file);
    if (held === null) return;
    while (!signal.aborted) {
      try {
        await client.acquireBlocks({ node, requestedCidrs: [...held] }, { signal });
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isTransient(error)) {
          log.error({ reason: (error as Error).message, cidrs: held }, 'ipam does not take the blocks of this node for its own any more');
          return;
        }
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }
}
