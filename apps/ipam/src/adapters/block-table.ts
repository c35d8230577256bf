import { comparePrefixes, formatPrefix, type Prefix, prefix } from '@myelin/address';
import { blocksLua, boundsOf, recoveryLua, type Store, stateScript } from '@myelin/outbox';
import type { Pool } from '../domain/pool.ts';
import { acquireBlocks, listBlocks, notePresented, releaseBlocks } from './block.lua.ts';

/** What became of a wish for blocks. */
export type AcquireOutcome =
  | { readonly outcome: 'given' }
  /** The node has these already; nothing was changed. */
  | { readonly outcome: 'held'; readonly blocks: readonly Prefix[] }
  | { readonly outcome: 'overlap'; readonly wanted: string; readonly other: string; readonly holder: string };

/** A block and the node that has it. */
export interface HeldBlock {
  readonly block: Prefix;
  readonly node: string;
}

const acquire = stateScript(acquireBlocks, blocksLua);
const present = stateScript(acquireBlocks, blocksLua, recoveryLua, notePresented);
const release = stateScript(releaseBlocks, blocksLua);
const list = stateScript(listBlocks, blocksLua);

/** A block as scripts take it: CIDR, bounds. */
export const bounded = (of: Prefix): [string, string] => {
  const { first, last } = boundsOf(of);
  return [formatPrefix(of), `${first} ${last}`];
};

/** Blocks in Redis. All methods throw `unavailable` when that is away. */
export class BlockTable {
  readonly #store: Store;
  readonly #pools: readonly Pool[];

  constructor(store: Store, pools: readonly Pool[]) {
    this.#store = store;
    this.#pools = pools;
  }

  /** Gives `node` these blocks, all or none, unless it has some or another node's are in the way. */
  async acquire(node: string, blocks: readonly Prefix[]): Promise<AcquireOutcome> {
    return this.#take(node, blocks, (...args) => this.#store.run(acquire, ...args));
  }

  /** Takes the blocks that a node says it has, while they are on their way back after a loss. */
  async present(node: string, blocks: readonly Prefix[]): Promise<AcquireOutcome> {
    return this.#take(node, blocks, (...args) => this.#store.runRecovering(present, ...args));
  }

  /** Whether blocks are on their way back after a loss. */
  get isRecovering(): boolean {
    return this.#store.recovering !== null;
  }

  async #take(
    node: string,
    blocks: readonly Prefix[],
    run: (...args: (string | number)[]) => Promise<readonly string[]>,
  ): Promise<AcquireOutcome> {
    const pools = this.#pools.flatMap((pool) => bounded(pool.prefix));
    const [word, ...rest] = await run(node, this.#pools.length, ...pools, ...blocks.flatMap(bounded));
    if (word === 'held') return { outcome: 'held', blocks: rest.map(prefix).sort(comparePrefixes) };
    if (word === 'overlap') return { outcome: 'overlap', wanted: rest[0]!, other: rest[1]!, holder: rest[2]! };
    return { outcome: 'given' };
  }

  /** Takes all blocks of a node back; returns which it had. */
  async release(node: string): Promise<string[]> {
    const [, ...cidrs] = await this.#store.run(release, node);
    return cidrs;
  }

  /** All blocks, in address order. */
  async list(): Promise<HeldBlock[]> {
    const [, ...pairs] = await this.#store.run(list);
    const blocks: HeldBlock[] = [];
    for (let i = 0; i < pairs.length; i += 2) blocks.push({ block: prefix(pairs[i]!), node: pairs[i + 1]! });
    return blocks.sort((a, b) => comparePrefixes(a.block, b.block));
  }
}
