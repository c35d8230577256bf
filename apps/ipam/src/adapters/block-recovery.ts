import { prefix } from '@myelin/address';
import { blocksLua, decideRecovery, type Recovery, recoveryLua, type ScriptRunner, stateScript, WholeBuckets } from '@myelin/outbox';
import type { Log } from '@myelin/service';
import { type NatsLink, streamKinds } from '@myelin/state-stream';
import type { Pool } from '../domain/pool.ts';
import { finishBlocks, gatherPresented } from './block.lua.ts';
import { bounded } from './block-table.ts';

/** What recovering needs. */
export interface BlockRecoveryOptions {
  readonly nats: NatsLink;
  readonly pools: readonly Pool[];
  readonly log: Log;
  /** How long nodes are waited for. */
  readonly waitMs: number;
}

const scripts = {
  gather: stateScript(gatherPresented, recoveryLua),
  finish: stateScript(finishBlocks, blocksLua, recoveryLua),
};

/**
 * Brings the nodes' blocks back when Redis has lost them (design C4): each node says what it has; those that are silent have what their row of the stream `nodes` says. Until then no block is given to anybody.
 */
export class BlockRecovery implements Recovery {
  readonly scope = 'ipam';
  readonly #options: BlockRecoveryOptions;
  readonly #buckets: WholeBuckets;

  constructor(options: BlockRecoveryOptions) {
    this.#options = options;
    this.#buckets = new WholeBuckets(options.nats);
  }

  async attempt(incarnation: bigint, run: ScriptRunner): Promise<string | null> {
    const { pools, log, waitMs } = this.#options;
    const [word, elapsed, ...spoken] = await run(scripts.gather);
    if (word === 'over') return null;
    const rows = await this.#buckets.rowsOf(streamKinds.nodes, incarnation);
    const nodes = (rows ?? []).flatMap(({ row }) => row ?? []);
    const missing = nodes.map(({ name }) => name).filter((name) => !spoken.includes(name));
    const presenters = { elapsedMs: Number(elapsed), waitMs, missing };
    const decision = decideRecovery({ incarnation, isWhole: rows !== null, isAccepted: false, presenters });
    if (decision.does === 'wait') return decision.problem;
    const blocks = nodes.flatMap(({ name, podCidrs }) => podCidrs.flatMap((cidr) => [name, ...bounded(prefix(cidr))]));
    const [outcome, ...taken] = await run(scripts.finish, pools.length, ...pools.flatMap((pool) => bounded(pool.prefix)), ...blocks);
    if (outcome === 'ok') log.info({ nodes: nodes.map(({ name }) => name), spoken, taken }, 'blocks that Redis had lost are back');
    return null;
  }
}
