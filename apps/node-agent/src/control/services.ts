import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import { DatapathError, type ServiceTables } from '@myelin/datapath';
import type { TableOptions } from '@myelin/loadbalancing';
import { eventsOf } from '@myelin/loadbalancing-wire';
import type { Log } from '@myelin/service';
import type { StreamBatch } from '@myelin/state-stream';
import type { StateFolder } from '../adapters/state-folder.ts';
import { ServicePlan } from '../domain/service-plan.ts';

/** Pools that are written in one turn: their tables (32 KiB each by default, some 3 ms to make) are in memory at once, and nothing else happens in the agent while they are made. */
const poolsAtATime = 16;

const tableFile = 'services';

/**
 * How this node's tables are made: as those were that its kernel may hold, since a table of one size, or of another seed, can't be brought to another one in parts; else as is wanted now. Written down at the first time.
 */
export function keptTableOptions(state: Pick<StateFolder, 'read' | 'write'>, wanted: TableOptions, log: Pick<Log, 'warn'>): TableOptions {
  const kept = state.read<TableOptions>(tableFile);
  if (kept === null) {
    state.write(tableFile, wanted);
    return wanted;
  }
  if (kept.size !== wanted.size || kept.seed !== wanted.seed)
    log.warn({ wanted, kept }, 'tables of Services keep the size and the seed that they were begun with');
  return kept;
}

/** Rows that are taken in between two looks at everything else. */
const rowsAtATime = 200;

/** What balancing needs. */
export interface ServicesOptions {
  readonly kernel: Pick<ServiceTables, 'setSeed' | 'read' | 'apply'>;
  /** The same on all nodes: so that they choose alike. */
  readonly table: TableOptions;
  readonly log: Log;
}

/**
 * Services in this node's kernel, as the stream says. Goes on from what the kernel holds: a restarted agent writes what differs (D9). What finds no room is left out, named, and tried again with the next change (C8); after any other
 * failure the batch comes again, and what the kernel holds is looked at anew.
 */
export class Services {
  readonly #options: ServicesOptions;
  readonly #plan: ServicePlan;
  readonly #unreadable = new Map<string, string>();
  #refusal: string | null = null;

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#plan = new ServicePlan(options.table);
  }

  /** What isn't as the stream says, in words. */
  get problems(): readonly string[] {
    const unreadable = [...this.#unreadable].map(([key, problem]) => `${key}: ${problem}`);
    return [...(this.#refusal === null ? [] : [this.#refusal]), ...unreadable, ...this.#plan.problems];
  }

  /** Resolves when the kernel holds what the stream says up to the batch's revision. */
  async applyBatch({ changed, removed }: Pick<StreamBatch<ServiceObject>, 'changed' | 'removed'>): Promise<void> {
    this.#take(
      [],
      removed.map(({ key }) => key),
    );
    for (let at = 0; at < changed.length; at += rowsAtATime) {
      this.#take(changed.slice(at, at + rowsAtATime), []);
      await yieldToOthers();
    }
    try {
      await this.#write();
    } catch (error) {
      this.#plan.lost();
      throw error;
    }
  }

  #take(changed: Parameters<typeof eventsOf>[0], removedKeys: readonly string[]): void {
    const { events, problems } = eventsOf(changed, removedKeys);
    for (const [key, problem] of problems) {
      if (problem === null) this.#unreadable.delete(key);
      else this.#unreadable.set(key, problem);
    }
    this.#plan.take(events);
  }

  async #write(): Promise<void> {
    const { kernel, table, log } = this.#options;
    let refusal: string | null = null;
    const apply = async (steps: Parameters<ServiceTables['apply']>[0]) => {
      try {
        await kernel.apply(steps);
      } catch (error) {
        if (!(error instanceof DatapathError && error.code === 'full')) throw error;
        refusal ??= error.message;
      }
    };
    if (this.#plan.needsKernel) {
      kernel.setSeed(table.seed);
      await apply(this.#plan.adopt(await kernel.read()));
    }
    for (let steps = this.#plan.next(poolsAtATime); steps.length > 0; steps = this.#plan.next(poolsAtATime)) {
      await apply(steps);
      await yieldToOthers();
    }
    if (refusal !== null) {
      this.#plan.lost();
      log.error({ reason: refusal }, 'Services were refused by the kernel');
    }
    this.#refusal = refusal;
  }
}
