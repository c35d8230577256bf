import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Calls `attempt` until it returns something truthy, 30 s at most (then throws with what it said last). */
export async function eventually<T>(attempt: () => T | Promise<T>, timeoutMs = 30_000): Promise<T & {}> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const result = await attempt();
      if (result) return result as T & {};
      last = result;
    } catch (error) {
      last = error;
    }
    await sleep(10);
  }
  throw new Error('did not happen in time', { cause: last });
}

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

/** A real server process of a test: one port and one temporary folder for its whole life, over restarts too. */
export class ChildServer {
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  readonly #command: (port: number, folder: string) => readonly string[];
  #child: ChildProcess | null = null;

  private constructor(scheme: string, port: number, folder: string, command: (port: number, folder: string) => readonly string[]) {
    this.port = port;
    this.url = `${scheme}://127.0.0.1:${port}`;
    this.folder = folder;
    this.#command = command;
  }

  /** Starts `command` and waits until its port accepts. */
  static async start(scheme: string, command: (port: number, folder: string) => readonly string[]): Promise<ChildServer> {
    const server = new ChildServer(scheme, await freePort(), await mkdtemp(join(tmpdir(), `myelin-${scheme}-`)), command);
    await server.resume();
    return server;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it again after `kill`, with the same port and data. */
  async resume(): Promise<void> {
    const [program, ...rest] = this.#command(this.port, this.folder);
    const child = spawn(program!, rest, { stdio: 'ignore' });
    this.#child = child;
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`${program} exited with ${code}`);
    });
    await Promise.race([eventually(() => accepts(this.port)), failed]);
    failed.catch(() => {});
  }

  /** Ends the process; data stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Loses all data: kills, empties the folder, starts again. */
  async wipe(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    await this.resume();
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
