import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

// JSON has no bigint: revisions and offsets are written as {"#": "123"}. Nothing else that is kept has a property of that name.
const bigintKey = '#';

function replace(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { [bigintKey]: value.toString() } : value;
}

function revive(_key: string, value: unknown): unknown {
  const digits = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[bigintKey] : undefined;
  return typeof digits === 'string' ? BigInt(digits) : value;
}

/**
 * Where the agent keeps what a restart needs: small JSON files, each replaced as a whole, so that a killed agent leaves the old one or the new. They
 * outlive the process, not the machine's power: after a boot the kernel's maps are gone, too.
 */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  /** The value of a file (`name` may hold slashes); null where there is none. Throws SyntaxError for a file that nobody of ours wrote. */
  read<T>(name: string): T | null {
    try {
      return JSON.parse(readFileSync(this.#file(name), 'utf8'), revive) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  write(name: string, value: unknown): void {
    const file = this.#file(name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(value, replace), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** Missing is success. */
  remove(name: string): void {
    rmSync(this.#file(name), { force: true });
  }

  /** Names of the files in a sub-folder, as `read` takes them. */
  list(folder: string): readonly string[] {
    try {
      return readdirSync(join(this.path, folder))
        .filter((file) => file.endsWith('.json'))
        .map((file) => `${folder}/${file.slice(0, -'.json'.length)}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #file(name: string): string {
    return join(this.path, `${name}.json`);
  }
}
