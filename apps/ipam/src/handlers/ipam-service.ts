import { comparePrefixes, formatPrefix, type Prefix } from '@myelin/address';
import type { IpamServiceService, NodeBlocks } from '@myelin/contracts/ipam';
import type { Handlers } from '@myelin/rpc';
import { type Log, MyelinError } from '@myelin/service';
import type { BlockTable } from '../adapters/block-table.ts';
import { formatPool, nextFreeBlock, type Pool } from '../domain/pool.ts';
import { checkNodeName, parseRequestedCidrs } from '../domain/request.ts';

/** How often another node may take the chosen block first before the call gives up: each time one node has made progress. */
const attempts = 50;

/** myelin.ipam.v1.IpamService over the block table. */
export class IpamHandlers implements Handlers<typeof IpamServiceService> {
  readonly #table: BlockTable;
  readonly #pools: readonly Pool[];
  readonly #log: Log;

  constructor(table: BlockTable, pools: readonly Pool[], log: Log) {
    this.#table = table;
    this.#pools = pools;
    this.#log = log;
  }

  readonly acquireBlocks: Handlers<typeof IpamServiceService>['acquireBlocks'] = async (request) => {
    const node = checkNodeName(request.node);
    const requested = parseRequestedCidrs(node, request.requestedCidrs);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const blocks = requested.length > 0 ? requested : await this.#choose(node);
      const isPresented = this.#table.isRecovering && requested.length > 0;
      const result = await (isPresented ? this.#table.present(node, blocks) : this.#table.acquire(node, blocks));
      if (result.outcome === 'held') return { cidrs: keep(node, result.blocks, requested) };
      if (result.outcome === 'given') {
        const cidrs = [...blocks].sort(comparePrefixes).map(formatPrefix);
        this.#log.info({ node, cidrs }, 'gave blocks to a node');
        return { cidrs };
      }
      if (requested.length > 0) {
        throw new MyelinError(
          'already_exists',
          `node ${node}: requested CIDR ${result.wanted} overlaps ${result.other} of node ${result.holder}`,
        );
      }
    }
    throw new MyelinError('aborted', `node ${node}: other nodes took every block that was chosen: try again`);
  };

  readonly releaseBlocks: Handlers<typeof IpamServiceService>['releaseBlocks'] = async (request) => {
    const node = checkNodeName(request.node);
    const cidrs = await this.#table.release(node);
    if (cidrs.length > 0) this.#log.info({ node, cidrs }, 'took the blocks of a node back');
    return {};
  };

  readonly listBlocks: Handlers<typeof IpamServiceService>['listBlocks'] = async () => {
    const nodes = new Map<string, NodeBlocks>();
    for (const { block, node } of await this.#table.list()) {
      const entry = nodes.get(node) ?? { node, cidrs: [] };
      entry.cidrs.push(formatPrefix(block));
      nodes.set(node, entry);
    }
    return { nodes: [...nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1)), pools: this.#pools.map(formatPool) };
  };

  /** One free block of each family that has a pool; pools of one family are used up in order. */
  async #choose(node: string): Promise<Prefix[]> {
    const taken = (await this.#table.list()).map(({ block }) => block);
    const blocks: Prefix[] = [];
    for (const family of [4, 6] as const) {
      const pools = this.#pools.filter((pool) => pool.prefix.family === family);
      const block = pools.map((pool) => nextFreeBlock(pool, taken)).find((free) => free !== null);
      if (block != null) blocks.push(block);
      else if (pools.length > 0) {
        throw new MyelinError(
          'resource_exhausted',
          `node ${node}: no block is left in ${pools.map(formatPool).join(', ')}: add a pool or release nodes that are gone`,
        );
      }
    }
    return blocks;
  }
}

/** A node's blocks are its own for good: a wish for others is not passed over in silence. */
function keep(node: string, held: readonly Prefix[], requested: readonly Prefix[]): string[] {
  const cidrs = held.map(formatPrefix);
  const others = requested.map(formatPrefix).filter((cidr) => !cidrs.includes(cidr));
  if (others.length > 0) {
    throw new MyelinError(
      'failed_precondition',
      `node ${node} has ${cidrs.join(', ')} already and can't get ${others.join(', ')}: release its blocks first`,
    );
  }
  return cidrs;
}
