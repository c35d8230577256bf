import { merge, object, or } from '@optique/core/constructs';
import { type Message, message } from '@optique/core/message';
import { multiple, optional, withDefault } from '@optique/core/modifiers';
import type { InferValue } from '@optique/core/parser';
import { argument, command, constant, option } from '@optique/core/primitives';
import { choice, integer, string } from '@optique/core/valueparser';

/** Options that every command takes. */
const common = object('Options', {
  output: withDefault(
    option('-o', '--output', choice(['table', 'json']), { description: message`How to print: a table for people, JSON for programs.` }),
    'table' as const,
  ),
  runDir: withDefault(
    option('--run-dir', string({ metavar: 'DIR' }), {
      description: message`Folder of the services' sockets (default: MYELIN_RUN_DIR, else run below LAB_DIR, else /run/myelin).`,
    }),
    '',
  ),
});

const node = optional(option('-n', '--node', string({ metavar: 'NODE' }), { description: message`Only this node.` }));
const revision = optional(
  option('--revision', string({ metavar: 'INCARNATION.COUNTER' }), {
    description: message`As "policy apply" prints it; default: the newest that is stored.`,
  }),
);
const timeout = withDefault(
  option('--timeout', integer({ metavar: 'SECONDS', min: 1, max: 3600 }), { description: message`How long to wait (default: 30).` }),
  30,
);
const files = multiple(
  option('-f', '--file', string({ metavar: 'FILE|DIR|-' }), {
    description: message`A manifest, a folder of manifests, or - for standard input; may be repeated.`,
  }),
  { min: 1 },
);

const status = command('status', merge(object({ action: constant('status'), node }), common), {
  description: message`Each node: readiness, revisions applied in its kernel, kernel features, map pressure. Exit 1 where a node isn't ready.`,
});

const identity = command(
  'identity',
  or(
    command(
      'list',
      merge(object({ action: constant('identity-list'), labels: multiple(argument(string({ metavar: 'LABEL' }))) }), common),
      {
        description: message`Identities and their labels; with labels (source:key=value), those that have them all.`,
      },
    ),
    command(
      'get',
      merge(
        object({ action: constant('identity-get'), number: argument(integer({ metavar: 'NUMBER', min: 0, max: 0xffff_ffff })) }),
        common,
      ),
      {
        description: message`One identity by its number.`,
      },
    ),
    command('whois', merge(object({ action: constant('identity-whois'), address: argument(string({ metavar: 'ADDRESS' })) }), common), {
      description: message`Who has this address.`,
    }),
  ),
  { description: message`Identity numbers and the label sets they stand for.` },
);

const endpoint = command(
  'endpoint',
  command('list', merge(object({ action: constant('endpoint-list'), node }), common), {
    description: message`Endpoints of all nodes, or of one.`,
  }),
  { description: message`Endpoints: pods as the node agents know them.` },
);

const policy = command(
  'policy',
  or(
    command('apply', merge(object({ action: constant('policy-apply'), files }), common), {
      description: message`Stores policies. All files are checked first: one bad document means that nothing is applied.`,
    }),
    command(
      'delete',
      merge(
        object({
          action: constant('policy-delete'),
          files: multiple(option('-f', '--file', string({ metavar: 'FILE|DIR|-' }))),
          names: multiple(argument(string({ metavar: 'KIND/[NAMESPACE/]NAME' }))),
        }),
        common,
      ),
      {
        description: message`Takes policies away, named by file or by kind/namespace/name.`,
      },
    ),
    command('list', merge(object({ action: constant('policy-list') }), common), {
      description: message`Stored policies, and how many identities each selects.`,
    }),
    command('wait', merge(object({ action: constant('policy-wait'), revision, timeout, node }), common), {
      description: message`Waits until every node's kernel enforces a revision. Exit 3, naming the nodes and what they have, where the time is over first.`,
    }),
    command('verify', merge(object({ action: constant('policy-verify'), revision, timeout, node }), common), {
      description: message`Reads the policy tables of every node's kernel back and compares them, for all peers, protocols and ports, with what the compiler compiled at the same revision. Exit 1 where a node deviates, 3 where one never stood at the revision.`,
    }),
  ),
  { description: message`Policies: Kubernetes NetworkPolicy and Cilium's kinds.` },
);

const service = command(
  'service',
  or(
    command(
      'list',
      merge(
        object({
          action: constant('service-list'),
          namespace: withDefault(
            option('--namespace', string({ metavar: 'NAMESPACE' }), { description: message`Only Services of this namespace.` }),
            '',
          ),
        }),
        common,
      ),
      { description: message`Services: addresses, how many backends are ready, and what of them isn't served yet.` },
    ),
    command(
      'describe',
      merge(object({ action: constant('service-describe'), name: argument(string({ metavar: 'NAMESPACE/NAME' })) }), common),
      { description: message`One Service: its frontends, each with its backends, and what isn't served yet.` },
    ),
  ),
  { description: message`Services and the pods behind them.` },
);

const mapOf = <M extends string>(map: M, description: Message) =>
  command(
    map,
    command('list', merge(object({ action: constant('bpf-list'), map: constant(map), node }), common), {
      description: message`Every row, node by node.`,
    }),
    { description },
  );

const bpf = command(
  'bpf',
  or(
    mapOf('endpoints', message`Pods of the node, by the slot at which their packets come in.`),
    mapOf('addresses', message`Whose an address is: identity, and how it is reached.`),
    mapOf('prefixes', message`Identities and classes of prefixes.`),
    mapOf('frontends', message`Addresses of Services, and the pool that answers.`),
    mapOf('pools', message`Backends of a Service's port: where they lie, how many take new flows.`),
    mapOf('backends', message`Pods behind Services.`),
  ),
  { description: message`Tables as the nodes' kernels hold them.` },
);

const cluster = command(
  'cluster',
  command(
    'accept-empty',
    merge(
      object({
        action: constant('cluster-accept-empty'),
        incarnation: argument(string({ metavar: 'INCARNATION', pattern: /^[0-9]{1,16}$/ })),
      }),
      common,
    ),
    {
      description: message`After a loss of Redis: gives up the policies that could not be recovered. Names the incarnation that services say is waiting; in any other one it does nothing.`,
    },
  ),
  { description: message`What concerns the cluster as a whole.` },
);

const monitor = command(
  'monitor',
  merge(
    object('Filters (alternatives within one, all of them together)', {
      action: constant('monitor'),
      verdicts: multiple(
        option('--verdict', choice(['FORWARDED', 'DROPPED', 'AUDIT'], { caseInsensitive: true }), {
          description: message`Only this verdict.`,
        }),
      ),
      pods: multiple(
        option('--pod', string({ metavar: 'NAMESPACE/NAME' }), { description: message`Only flows with this pod at one end.` }),
      ),
      identities: multiple(
        option('--identity', integer({ metavar: 'NUMBER', min: 0 }), { description: message`Only flows with this identity at one end.` }),
      ),
      ports: multiple(
        option('--port', integer({ metavar: 'PORT', min: 1, max: 65535 }), {
          description: message`Only flows with this source or destination port.`,
        }),
      ),
      last: optional(
        option('--last', integer({ metavar: 'N', min: 0 }), {
          description: message`Begin with the last N events that each agent remembers: none by default, 20 with --no-follow.`,
        }),
      ),
      noFollow: option('--no-follow', { description: message`End after those.` }),
      node,
    }),
    common,
  ),
  {
    description: message`Flows as they happen: drops and the first packet of each flow, with labels of both ends and the rule that decided. JSON as Hubble prints it, one object a line.`,
  },
);

/** The whole command line. */
export const commandLine = or(status, identity, endpoint, policy, service, bpf, cluster, monitor);

/** What a parsed command line says; `action` tells which. */
export type Command = InferValue<typeof commandLine>;
/** The command with this action. */
export type CommandOf<A extends Command['action']> = Extract<Command, { readonly action: A }>;
