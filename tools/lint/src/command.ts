import { spawn } from 'node:child_process';

/** Runs a command of ours to its end; output and status, never an exception for a bad status. */
export function runCommand(command: string, args: readonly string[], cwd: string): Promise<{ status: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/** Problems of a tool that says what is wrong line by line: none where it ended well, else its lines (at most 40). */
export async function problemsOf(command: string, args: readonly string[], cwd: string): Promise<readonly string[]> {
  const { status, output } = await runCommand(command, args, cwd);
  if (status === 0) return [];
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 40
    ? [...lines.slice(0, 40), `… and ${lines.length - 40} lines more`]
    : lines.length > 0
      ? lines
      : [`${command} ended with status ${status}`];
}
