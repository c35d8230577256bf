import { execFile } from 'node:child_process';

/** Runs a program to its end; its standard output. Rejects with an Error that says what it said. */
export function command(program: string, parameters: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, parameters, { cwd, maxBuffer: 64 << 20 }, (error, output, said) => {
      if (error === null) resolve(output);
      else reject(new Error(`${program} ${parameters[0] ?? ''}: ${said.trim() || error.message}`));
    });
  });
}
