#!/usr/bin/env node
import { isMyelinError, isTransient } from '@myelin/rpc';
import { version } from '@myelin/service';
import { message } from '@optique/core/message';
import { run } from '@optique/run';
import { connectServices } from './adapters/services.ts';
import { commandLine } from './arguments.ts';
import { findSockets } from './config.ts';
import { CommandFailure, exitCodes } from './failure.ts';
import { runCommand } from './run-command.ts';

const command = run(commandLine, {
  programName: 'myelin',
  brief: message`Shows and steers Myelin: identities, endpoints, policies, flows.`,
  help: 'both',
  version: { value: version, command: true, option: true },
  completion: 'both',
  aboveError: 'none',
  errorExitCode: exitCodes.usage,
});

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
// A reader that has seen enough (`myelin monitor | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed));

const services = await connectServices(findSockets(command.runDir));
try {
  process.exitCode = await runCommand(command, {
    services,
    print: (text) => process.stdout.write(`${text}\n`),
    say: (text) => process.stderr.write(`${text}\n`),
    signal: stop.signal,
  });
} catch (error) {
  if (error instanceof CommandFailure) process.exitCode = error.exitCode;
  else if (isMyelinError(error)) process.exitCode = isTransient(error) ? exitCodes.unreachable : exitCodes.failed;
  else throw error;
  process.stderr.write(`myelin: ${error.message}\n`);
} finally {
  services.close();
}
