import type { Condition, Log, Readiness } from '@myelin/service';
import { type MasqueradeRanges, masqueradeRuleset } from '../domain/masquerade.ts';
import { runCommand } from './command.ts';

/** Keeps the nftables table of masquerade as it should be. One change at a time; the newest wins. */
export class Masquerade {
  readonly #log: Log;
  readonly #condition: Condition;
  #wanted: string | null = null;
  #written: string | null = null;
  #running: Promise<void> | null = null;

  constructor(log: Log, readiness: Readiness) {
    this.#log = log;
    this.#condition = readiness.condition('masquerade', 'waits for the ranges of the cluster');
  }

  /** Resolves when these ranges, or newer ones, are in the kernel. */
  async set(ranges: MasqueradeRanges): Promise<void> {
    this.#wanted = masqueradeRuleset(ranges);
    this.#running ??= this.#tryToWrite().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  /** What fails is said in readiness, and tried again with the next change. */
  async #tryToWrite(): Promise<void> {
    try {
      await this.#write();
      this.#condition.ready();
    } catch (error) {
      this.#condition.missing((error as Error).message);
      this.#log.error({ reason: (error as Error).message }, 'masquerade could not be set');
    }
  }

  async #write(): Promise<void> {
    while (this.#wanted !== this.#written) {
      const ruleset = this.#wanted!;
      await runCommand('nft', ['-f', '-'], ruleset);
      this.#written = ruleset;
    }
  }
}
