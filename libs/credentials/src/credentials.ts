import { readFileSync, statSync } from 'node:fs';
import tls from 'node:tls';
import { type Component, type Condition, type Log, MyelinError, type Readiness } from '@myelin/service';
import { type CredentialFiles, type Material, readMaterial, validityProblem } from './material.ts';
import { formatPeerName, isSamePeer, type PeerName, peerNameIn } from './peer-name.ts';

/** What opening credentials needs. */
export interface CredentialsOptions {
  readonly files: CredentialFiles;
  /** Who the process says it is; its certificate must say the same. */
  readonly self: Omit<PeerName, 'trustDomain'> | null;
  readonly log: Log;
  /** Gets the condition `certificate`: missing while the one in use doesn't hold. */
  readonly readiness: Readiness;
  /** How often the files are looked at. Default 2,000. */
  readonly checkEveryMs?: number;
}

/** How a process proves itself over TCP: by certificates, or not at all because somebody said so. */
export type Security = Credentials | 'insecure';

/**
 * A process's certificates, read anew when their files change. New ones are for connections that are made from then on; those that stand are left alone. Files that
 * don't fit together (a rotation half done) change nothing: the ones before stay in use until they do.
 */
export class Credentials implements Component {
  readonly name = 'certificates';
  readonly files: CredentialFiles;
  readonly #options: CredentialsOptions;
  readonly #condition: Condition;
  readonly #listeners = new Set<(material: Material) => void>();
  #state: string;
  #material: Material;
  /** Why the files that are there now aren't in use, and how often that was found. */
  #refusal = { reason: '', times: 0 };
  #timer: NodeJS.Timeout | null = null;

  private constructor(options: CredentialsOptions) {
    this.#options = options;
    this.files = options.files;
    this.#state = this.#look();
    this.#material = this.#read();
    const problem = validityProblem(this.files, this.#material, new Date());
    if (problem !== null) throw new MyelinError('failed_precondition', problem);
    this.#condition = options.readiness.condition('certificate', '');
    this.#condition.ready();
    // TLS 1.3 at least, in everything that this process speaks.
    tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
  }

  /** Reads the files. Throws `failed_precondition` where they can't be read, don't fit together, or have expired. */
  static open(options: CredentialsOptions): Credentials {
    return new Credentials(options);
  }

  /** What to prove oneself with in a new connection. */
  get current(): Material {
    return this.#material;
  }

  /** How to look at the certificate of a server that must be the service `name`, of the own trust domain, for tls.connect. Where it listens doesn't matter. */
  serverCheck(name: string): (host: string, certificate: { readonly subjectaltname?: string }) => Error | undefined {
    return (_host, { subjectaltname }) => {
      const expected = { trustDomain: this.#material.name.trustDomain, kind: 'service', name } as const;
      const found = peerNameIn(subjectaltname);
      if (found !== null && isSamePeer(found, expected)) return undefined;
      return new Error(`the server's certificate is made out to ${subjectaltname ?? 'nobody'}, not to ${formatPeerName(expected)}`);
    };
  }

  /** Calls `listener` with every new material; returns how to stop that. */
  onChange(listener: (material: Material) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), this.#options.checkEveryMs ?? 2000);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Looks at the files now, and at the clock. */
  check(): void {
    const { log } = this.#options;
    try {
      const state = this.#look();
      if (state !== this.#state) {
        this.#material = this.#read();
        this.#state = state;
        this.#refusal = { reason: '', times: 0 };
        log.info({ name: formatPeerName(this.#material.name), expires: this.#material.expires.toISOString() }, 'new certificates in use');
        for (const listener of this.#listeners) listener(this.#material);
      }
    } catch (error) {
      this.#refuse((error as Error).message);
    }
    const problem = validityProblem(this.files, this.#material, new Date());
    if (problem === null) this.#condition.ready();
    else this.#condition.missing(problem);
  }

  /** Said when it is found twice: files are replaced one after the other. */
  #refuse(reason: string): void {
    this.#refusal = { reason, times: this.#refusal.reason === reason ? this.#refusal.times + 1 : 1 };
    if (this.#refusal.times === 2) this.#options.log.warn({ reason }, 'new certificates refused; the ones before stay in use');
  }

  /** Tells whether a file was replaced or written. */
  #look(): string {
    return this.#each((path) => {
      const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
      return [ino, size, mtimeNs, ctimeNs].join('.');
    }).join(' ');
  }

  #read(): Material {
    const [ca, cert, key] = this.#each((path) => readFileSync(path)) as [Buffer, Buffer, Buffer];
    return readMaterial(this.files, { ca, cert, key }, this.#options.self);
  }

  #each<T>(act: (path: string) => T): T[] {
    const { ca, cert, key } = this.files;
    return Object.entries({ 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key }).map(([flag, path]) => {
      try {
        return act(path);
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        throw new MyelinError('failed_precondition', `can't read ${path} (${code}): put the file there, or name another one by --${flag}`, {
          cause,
        });
      }
    });
  }
}
