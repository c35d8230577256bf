/** What the addon tells of a failed operation. */
export interface BpfFailure {
  readonly op: string;
  readonly object: string;
  readonly errno: number;
  readonly code: string;
  readonly detail: string;
  readonly verifierLog: string;
}

/** A BPF operation that the kernel or libbpf refused. */
export class BpfError extends Error {
  /** The operation, `noun.verb`: `map.update`, `object.load`. */
  readonly op: string;
  /** Name of the map, program, object, path or interface. */
  readonly object: string;
  /** Positive errno of Linux. */
  readonly errno: number;
  /** Its name: `EPERM`; `ENOTSUPP` for the kernel's internal 524. */
  readonly code: string;
  /** The whole log of the verifier, empty unless it refused a program. */
  readonly verifierLog: string;

  constructor({ op, object, errno, code, detail, verifierLog }: BpfFailure) {
    const why = lastUsefulLine(verifierLog) ?? detail;
    super(`${op} ${object}: ${code}${why === '' ? '' : `: ${why}`}`);
    this.name = 'BpfError';
    this.op = op;
    this.object = object;
    this.errno = errno;
    this.code = code;
    this.verifierLog = verifierLog;
  }
}

const statistics = /^(processed \d+ insns|verification time|stack depth|max_states|arg#\d+ reference type|mark_precise|from \d+ to \d+)/;

/** The line of a verifier's log that says what it would not take: the last one that is neither empty nor statistics; null without any. */
export function lastUsefulLine(verifierLog: string): string | null {
  return (
    verifierLog
      .split('\n')
      .map((line) => line.trim())
      .findLast((line) => line !== '' && !statistics.test(line)) ?? null
  );
}
