import { type MasqueradeRanges, masqueradeRuleset, masqueradeTable } from '../domain/masquerade.ts';
import { CommandError, runCommand } from './command.ts';

/** Keeps the nftables table of masquerade as it should be. One change at a time; the newest wins. */
export class Masquerade {
  #wanted: string | null = null;
  #written: string | null = null;
  #running: Promise<void> | null = null;

  /** Resolves when these ranges, or newer ones, are in the kernel. */
  async set(ranges: MasqueradeRanges): Promise<void> {
    this.#wanted = masqueradeRuleset(ranges);
    this.#running ??= this.#write().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  async #write(): Promise<void> {
    while (this.#wanted !== this.#written) {
      const ruleset = this.#wanted!;
      await runCommand('nft', ['-f', '-'], ruleset);
      this.#written = ruleset;
    }
  }
}

/** Takes the table away; none there is success. */
export async function removeMasquerade(): Promise<void> {
  await runCommand('nft', ['delete', 'table', ...masqueradeTable.split(' ')]).catch((error) => {
    if (!(error instanceof CommandError) || !error.said.includes('No such file')) throw error;
  });
}
