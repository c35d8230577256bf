import { spawn } from 'node:child_process';

/** A program that could not be run or ended badly. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: string;
  /** Exit status; null: it could not be started, or a signal ended it. */
  readonly status: number | null;
  /** What it said on standard error, trimmed. */
  readonly said: string;

  constructor(command: string, status: number | null, said: string) {
    super(`${command}: ${said === '' ? `ended with status ${status}` : said}`);
    this.command = command;
    this.status = status;
    this.said = said;
  }
}

/** Runs a program with `input` on its standard input; resolves with its standard output when it ends with status 0, else rejects with CommandError. */
export function runCommand(program: string, parameters: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', (error) => reject(new CommandError(program, null, error.message)));
    child.on('close', (status) => {
      if (status === 0) resolve(Buffer.concat(output).toString());
      else reject(new CommandError(program, status, Buffer.concat(errors).toString().trim()));
    });
    // A program that ends early closes its input: its status says why.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
