import { object, or, tuple } from '@optique/core/constructs';
import { type Message, message } from '@optique/core/message';
import { multiple, optional, withDefault } from '@optique/core/modifiers';
import type { InferValue } from '@optique/core/parser';
import { argument, command, constant, option } from '@optique/core/primitives';
import { choice, float, integer, string } from '@optique/core/valueparser';

const timeout = withDefault(
  option('--timeout', integer({ metavar: 'SECONDS', min: 1, max: 3600 }), {
    description: message`How long it may take until everything is enforced.`,
  }),
  30,
);
const files = multiple(option('-f', '--file', string({ metavar: 'FILE|DIR|-' }), { description: message`Manifests; may be repeated.` }), {
  min: 1,
});

/** How the lab's nodes reach each other; what isn't said is the agent's default. */
const network = {
  replicas: withDefault(
    option('--replicas', integer({ metavar: 'N', min: 1, max: 9 }), {
      description: message`Of each service of the control plane (default: 2).`,
    }),
    2,
  ),
  routing: withDefault(
    option('--routing', choice(['overlay', 'native'], { metavar: 'overlay|native' }), {
      description: message`How packets travel between nodes: in tunnels, or as they are.`,
    }),
    'overlay' as const,
  ),
  underlay: withDefault(
    option('--underlay', choice(['ipv4', 'ipv6'], { metavar: 'ipv4|ipv6' }), { description: message`Addresses that tunnels use.` }),
    'ipv4' as const,
  ),
};

const up = command(
  'up',
  object({ action: constant('up'), files: multiple(argument(string({ metavar: 'FILE|DIR' })), { min: 1 }), ...network, timeout }),
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
const traffic = command(
  'traffic',
  object({
    action: constant('traffic'),
    file: argument(string({ metavar: 'FILE|-' })),
    seconds: optional(
      option('--seconds', integer({ metavar: 'SECONDS', min: 1 }), { description: message`How long (default: until Ctrl-C).` }),
    ),
    json: option('--json', { description: message`As JSON.` }),
  }),
  {
    description: message`Keeps the exchanges of a JSON array going (probes, with "expect": "reply" or "none"), each asking every 10 ms; tells every loss, gap and unpoliced packet.`,
  },
);
const rotate = command('rotate', object({ action: constant('rotate'), timeout }), {
  description: message`Gives every process a new certificate and key while it runs.`,
});
const process = argument(string({ metavar: 'PROCESS' }));
const end = argument(string({ metavar: 'node:NODE|control|outside' }));
const onProcess = (what: 'kill' | 'stop' | 'cont' | 'start', description: Message) =>
  command(what, object({ action: constant('fault'), what: constant(what), process, timeout }), { description });
const fault = command(
  'fault',
  or(
    or(
      onProcess('kill', message`Ends a process by SIGKILL, as a crash would: redis, nats, a service, node-agent:NODE.`),
      onProcess('stop', message`Pauses a process (SIGSTOP).`),
      onProcess('cont', message`Lets a paused process go on.`),
      onProcess('start', message`Starts a process that is dead; returns when it is ready.`),
    ),
    command('partition', object({ action: constant('fault'), what: constant('partition'), ends: tuple([end, end]), timeout }), {
      description: message`Lets nothing pass between two ends.`,
    }),
    command(
      'loss',
      object({
        action: constant('fault'),
        what: constant('loss'),
        end,
        percent: argument(float({ metavar: 'PERCENT', min: 0, max: 100 })),
        timeout,
      }),
      { description: message`Loses packets of an end at random, each way.` },
    ),
    command(
      'delay',
      object({
        action: constant('fault'),
        what: constant('delay'),
        end,
        ms: argument(integer({ metavar: 'MS', min: 0, max: 60000 })),
        timeout,
      }),
      { description: message`Delays packets to an end, where the kernel has netem.` },
    ),
    command('heal', object({ action: constant('fault'), what: constant('heal'), timeout }), {
      description: message`Takes partitions, loss and delay back.`,
    }),
    command('redis', object({ action: constant('fault'), what: constant('redis'), how: argument(choice(['flush', 'restart'])), timeout }), {
      description: message`Empties Redis, or restarts it.`,
    }),
    command('nats', object({ action: constant('fault'), what: constant('nats'), how: argument(choice(['wipe', 'restart'])), timeout }), {
      description: message`Restarts NATS, without what it held or with it.`,
    }),
  ),
  { description: message`Breaks something of a running lab on purpose, or mends it.` },
);

/** The whole command line. */
export const commandLine = or(up, apply, remove, exec, status, down, probe, traffic, fault, rotate);

/** What a parsed command line says; `action` tells which. */
export type Command = InferValue<typeof commandLine>;
