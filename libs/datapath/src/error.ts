import { BpfError } from '@myelin/bpf-native';

/**
 * `full`: a table has no room for this object, the others in it stay as they are; `layout`: what is pinned was made by another version;
 * `unsupported`: the kernel or the machine lacks something; `kernel`: it refused for another reason.
 */
export type DatapathErrorCode = 'full' | 'layout' | 'unsupported' | 'kernel';

/** Something that the datapath could not do, and to which object. `message` is a sentence that a person can act on. */
export class DatapathError extends Error {
  override readonly name = 'DatapathError';
  readonly code: DatapathErrorCode;
  /** What could not be written or opened: an address, an identity, a table, a file. */
  readonly object: string;

  constructor(code: DatapathErrorCode, object: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.object = object;
  }
}

/** Hash maps say E2BIG when they are full, tries ENOSPC. */
export function isFull(error: unknown): boolean {
  return error instanceof BpfError && (error.code === 'E2BIG' || error.code === 'ENOSPC');
}
