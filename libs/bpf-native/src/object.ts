import { basename } from 'node:path';
import { BpfError } from './error.ts';
import { BpfMap } from './map.ts';
import { type NativeMapDeclaration, type NativeProgramDeclaration, native, type ObjectHandle } from './native.ts';
import { BpfProgram } from './program.ts';

/** A map as the object file declares it. */
export type MapDeclaration = NativeMapDeclaration;
/** A program as the object file declares it. */
export type ProgramDeclaration = NativeProgramDeclaration;

/** A global variable of the object: `size` bytes at `offset` in the value of the (single-entry) map `map`. */
export interface VariableDeclaration {
  readonly name: string;
  readonly map: string;
  readonly offset: number;
  readonly size: number;
}

/**
 * A compiled BPF object: read and adjusted first, then loaded once. Maps and programs taken from it live on when it is closed.
 * All methods throw {@link BpfError}; while `load()` is under way `EBUSY`.
 */
export class BpfObject {
  readonly #handle: ObjectHandle;
  /** For messages, and the start of the names of its sections' maps. */
  readonly name: string;

  private constructor(handle: ObjectHandle, name: string) {
    this.#handle = handle;
    this.name = name;
  }

  /** Reads an ELF object: a path or the bytes. `name` defaults to the file's name without `.bpf.o`. */
  static open(
    source: string | Uint8Array,
    name = typeof source === 'string' ? basename(source).replace(/(\.bpf)?\.o$/, '') : 'object',
  ): BpfObject {
    return new BpfObject(native.objectOpen(source, name), name);
  }

  /** Its maps, those of global variables (`internal`) included. */
  maps(): MapDeclaration[] {
    return native.objectMaps(this.#handle);
  }

  programs(): ProgramDeclaration[] {
    return native.objectPrograms(this.#handle);
  }

  /** Its global variables of `.rodata`, `.data` and `.bss`. */
  variables(): VariableDeclaration[] {
    return native.objectVariables(this.#handle);
  }

  /** Raw BTF (as in the section `.BTF`), null when compiled without `-g`. */
  btf(): Buffer | null {
    return native.objectBtf(this.#handle);
  }

  /** Gives a global variable its value before loading; for `const volatile` ones the only time. RangeError: `value` has another size. */
  setVariable(name: string, value: Uint8Array): void {
    native.objectSetVariable(this.#handle, name, value);
  }

  setMaxEntries(map: string, maxEntries: number): void {
    native.objectSetMaxEntries(this.#handle, map, maxEntries);
  }

  /** Chooses whether `load()` loads this program. */
  setAutoload(program: string, autoload: boolean): void {
    native.objectSetAutoload(this.#handle, program, autoload);
  }

  /** Overrides what libbpf read from the section's name. */
  setProgramType(program: string, type: number, attachType = 0): void {
    native.objectSetProgramType(this.#handle, program, type, attachType);
  }

  /**
   * Uses an existing map in the place of the declared one. A map of another shape is refused (`EINVAL`), with all differences in the message;
   * adjust `setMaxEntries` first where the existing size shall hold.
   */
  reuseMap(name: string, map: BpfMap): void {
    const declared = this.maps().find((candidate) => candidate.name === name);
    if (declared !== undefined) {
      const differences = mapDifferences(declared, map.info);
      if (differences.length > 0) {
        const detail = `the existing map has ${differences.join(', ')}`;
        throw new BpfError({ op: 'object.reuseMap', object: name, errno: 22, code: 'EINVAL', detail, verifierLog: '' });
      }
    }
    native.objectReuseMap(this.#handle, name, map.handle);
  }

  /** Creates the maps and loads the programs, off the main thread. A refused program: its last useful line in the message, all in `verifierLog`. */
  load(): Promise<void> {
    return native.objectLoad(this.#handle);
  }

  /** A map after loading, with a descriptor of its own. */
  map(name: string): BpfMap {
    return new BpfMap(native.objectMap(this.#handle, name));
  }

  /** A program after loading, with a descriptor of its own. */
  program(name: string): BpfProgram {
    return new BpfProgram(native.objectProgram(this.#handle, name));
  }

  /** Frees what libbpf holds. Every use but another `close()` throws from then on. */
  close(): void {
    native.objectClose(this.#handle);
  }
}

type Shape = Pick<MapDeclaration, 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags'>;

/** What keeps an existing map from standing in for a declared one: `["valueSize 8 instead of 16", …]`, empty when nothing. */
export function mapDifferences(declared: Shape, existing: Shape): string[] {
  const fields = ['type', 'keySize', 'valueSize', 'maxEntries', 'flags'] as const;
  return fields
    .filter((field) => declared[field] !== existing[field])
    .map((field) => `${field} ${existing[field]} instead of ${declared[field]}`);
}
