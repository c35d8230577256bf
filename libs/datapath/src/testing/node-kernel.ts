import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountBpfFileSystem, unmountBpfFileSystem } from '@myelin/bpf-native';
import { Datapath, type DatapathOptions } from '../datapath.ts';

/** Small flow tables: opening a datapath then takes milliseconds. */
const sizes = { flows_v4: 64, flows_v6: 64 };

/** A BPF file system of a test, and the datapaths opened in it one after the other, as agents do. */
export class NodeKernel {
  readonly #mount = mkdtempSync(join(tmpdir(), 'myelin-datapath-'));
  readonly bpffs = join(this.#mount, 'node');
  readonly #open = new Set<Datapath>();
  readonly #interfaces = new Set<string>();

  constructor() {
    mountBpfFileSystem(this.#mount);
    mkdirSync(this.bpffs);
  }

  async open(options: Partial<DatapathOptions> = {}): Promise<Datapath> {
    const datapath = await Datapath.open({ bpffs: this.bpffs, ...options, sizes: { ...sizes, ...options.sizes } });
    this.#open.add(datapath);
    return datapath;
  }

  /** What a restart of the agent does: the old process is gone, a new one opens what it left. */
  async reopen(before: Datapath, options: Partial<DatapathOptions> = {}): Promise<Datapath> {
    this.#open.delete(before);
    before.close();
    return this.open(options);
  }

  /** A veth pair, both ends here; returns the name of the first. */
  addPair(name: string): string {
    execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
    this.#interfaces.add(name);
    return name;
  }

  removePair(name: string): void {
    if (this.#interfaces.delete(name)) execFileSync('ip', ['link', 'delete', name]);
  }

  close(): void {
    for (const datapath of this.#open) datapath.close();
    for (const name of [...this.#interfaces]) this.removePair(name);
    unmountBpfFileSystem(this.#mount);
    rmSync(this.#mount, { recursive: true });
  }
}
