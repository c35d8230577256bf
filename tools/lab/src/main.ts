#!/usr/bin/env node
import { message } from '@optique/core/message';
import { run } from '@optique/run';
import { type Command, commandLine } from './arguments.ts';
import type { CommandContext } from './commands/command-context.ts';
import { readConfig } from './config.ts';
import { exitCodes, LabFailure } from './failure.ts';

const parsed = run(commandLine, {
  programName: 'lab',
  brief: message`Nodes and pods out of network namespaces on one machine, with the real datapath and control plane.`,
  help: 'both',
  completion: 'both',
  aboveError: 'none',
  errorExitCode: exitCodes.failed,
});

/** Each command loads what it needs and no more: most of them are over sooner than that takes. */
async function execute(command: Command, context: CommandContext): Promise<number> {
  switch (command.action) {
    case 'up':
      return (await import('./commands/up.ts')).up(context, command.files, command.timeout, command);
    case 'apply':
      return (await import('./commands/apply.ts')).apply(context, command.files, command.timeout);
    case 'delete':
      return (await import('./commands/apply.ts')).remove(context, command.files, command.timeout);
    case 'exec':
      return (await import('./commands/exec.ts')).exec(context, command.place, command.command);
    case 'status':
      return (await import('./commands/status.ts')).status(context, command.json);
    case 'down':
      return (await import('./commands/down.ts')).down(context);
    case 'probe':
      return (await import('./commands/probe.ts')).probe(context, command.file);
    case 'traffic':
      return (await import('./commands/traffic.ts')).traffic(context, command.file, command.seconds, command.json);
    case 'rotate':
      return (await import('./commands/rotate.ts')).rotate(context, command.timeout);
    case 'fault':
      return (await import('./commands/fault.ts')).fault(context, command, command.timeout);
  }
}

process.stdout.on('error', () => process.exit());
const say = (text: string) => process.stderr.write(`lab: ${text}\n`);
try {
  process.exitCode = await execute(parsed, { config: readConfig(), print: (text) => process.stdout.write(`${text}\n`), say });
} catch (error) {
  if (!(error instanceof LabFailure)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}
