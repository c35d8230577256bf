import { object, or } from '@optique/core/constructs';
import { message } from '@optique/core/message';
import { multiple, withDefault } from '@optique/core/modifiers';
import type { InferValue } from '@optique/core/parser';
import { argument, command, constant, option } from '@optique/core/primitives';
import { choice, integer, string } from '@optique/core/valueparser';

const timeout = withDefault(
  option('--timeout', integer({ metavar: 'SECONDS', min: 1, max: 3600 }), {
    description: message`How long it may take until everything is enforced.`,
  }),
  30,
);
const files = multiple(option('-f', '--file', string({ metavar: 'FILE|DIR|-' }), { description: message`Manifests; may be repeated.` }), {
  min: 1,
});

const up = command(
  'up',
  object({ action: constant('up'), files: multiple(argument(string({ metavar: 'FILE|DIR' })), { min: 1 }), timeout }),
  { description: message`Starts a lab with these manifests; returns when they are enforced in the kernel.` },
);
const apply = command('apply', object({ action: constant('apply'), files, timeout }), {
  description: message`Adds or changes these objects; returns when that is enforced in the kernel.`,
});
const remove = command('delete', object({ action: constant('delete'), files, timeout }), {
  description: message`Takes these objects away; returns when that is enforced in the kernel.`,
});
const exec = command(
  'exec',
  object({
    action: constant('exec'),
    place: argument(string({ metavar: 'NAMESPACE/POD|node:NODE|outside' })),
    command: multiple(argument(string({ metavar: 'COMMAND' })), { min: 1 }),
  }),
  { description: message`Runs a command in a pod, on a node or on the outside host: exec shop/web -- ip address.` },
);
const status = command('status', object({ action: constant('status'), json: option('--json', { description: message`As JSON.` }) }), {
  description: message`Nodes, pods, their addresses and identities.`,
});
const down = command('down', object({ action: constant('down') }), {
  description: message`Ends the lab, whole or interrupted: nothing of it stays.`,
});
const probe = command('probe', object({ action: constant('probe'), file: argument(string({ metavar: 'FILE|-' })) }), {
  description: message`Sends the probes of a JSON array, all at once, and prints what became of each.`,
});
const agent = command(
  'agent',
  object({
    action: constant('agent'),
    what: argument(choice(['kill', 'start'], { metavar: 'kill|start' })),
    node: argument(string({ metavar: 'NODE' })),
    timeout,
  }),
  { description: message`Ends a node's agent as a crash would, or starts it again.` },
);

/** The whole command line. */
export const commandLine = or(up, apply, remove, exec, status, down, probe, agent);

/** What a parsed command line says; `action` tells which. */
export type Command = InferValue<typeof commandLine>;
