import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const program = join(import.meta.dirname, 'conversations.mjs');

/** How an exchange stands: questions, answers, and how it ended (null: it goes on). */
export interface Account {
  readonly asked: number;
  readonly answered: number;
  readonly error: string | null;
}

/** A process in a namespace that serves, or goes on talking (conversations.mjs). */
export class Conversations {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(namespace: string, words: readonly string[]) {
    this.#child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, program, ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** `what`: `tcp:80`, … Resolves when all listen. */
  static serve(namespace: string, ...what: readonly string[]): Promise<Conversations> {
    return Conversations.#start(namespace, ['serve', ...what]);
  }

  /** `partners`: `name,udp,10.1.0.6,80`, … */
  static talk(namespace: string, ...partners: readonly string[]): Promise<Conversations> {
    return Conversations.#start(namespace, ['talk', ...partners]);
  }

  static async #start(namespace: string, words: readonly string[]): Promise<Conversations> {
    const conversations = new Conversations(namespace, words);
    await conversations.#lines.next();
    return conversations;
  }

  /** By name of the partner: how each exchange stands. */
  accounts(): Promise<Readonly<Record<string, Account>>> {
    return this.#say('tell');
  }

  /** By port: datagrams, or connections, that a server has heard. */
  heard(): Promise<Readonly<Record<string, { readonly heard: number }>>> {
    return this.#say('tell');
  }

  /** Asks no more, waits for late answers, ends. */
  finish(): Promise<Readonly<Record<string, Account>>> {
    return this.#say('finish');
  }

  close(): void {
    this.#reader.close();
    this.#child.kill();
  }

  async #say<T>(word: string): Promise<T> {
    this.#child.stdin!.write(`${word}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(value as string) as T;
  }
}
