import { HealthService } from '@myelin/contracts/health';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { IpamServiceService } from '@myelin/contracts/ipam';
import { LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { ServerReflectionService } from '@myelin/contracts/reflection';
import { formatPeerName, type PeerName } from '@myelin/credentials';
import { MyelinError } from '@myelin/service';
import type { RequestOf, ServiceDefinition } from './definition.ts';

/** Who calls: through a socket that only root opens, by a certificate of this name, or over TCP that proves nothing (and then nobody may do anything, unless `--insecure` said otherwise). */
export type Caller = { readonly by: 'local' } | { readonly by: 'certificate'; readonly name: PeerName } | { readonly by: 'nothing' };

/** Who may call a method beside local callers, who may call all: nobody, everybody with a certificate, or agents of nodes, each for its own node alone: the one in this field of the request. */
type Rule = 'nobody' | 'everybody' | { readonly nodeIn: string };

type RulesFor<D extends ServiceDefinition> = {
  readonly [K in keyof D]: 'nobody' | 'everybody' | { readonly nodeIn: keyof RequestOf<D[K]> & string };
};

/** Nodes register, take numbers and give them back, and say and ask what is applied, each for itself. What there is they read from the streams. */
const identity: RulesFor<typeof IdentityServiceService> = {
  registerNode: { nodeIn: 'name' },
  presentState: { nodeIn: 'node' },
  activateNode: { nodeIn: 'node' },
  // For whoever knows that it is gone.
  removeNode: 'nobody',
  allocate: { nodeIn: 'node' },
  moveAddresses: { nodeIn: 'node' },
  release: { nodeIn: 'node' },
  reportApplied: { nodeIn: 'node' },
  awaitApplied: { nodeIn: 'node' },
  get: 'nobody',
  list: 'nobody',
  whoIs: 'nobody',
  watch: 'nobody',
};

/** Nodes hear their policy; who writes it comes through the socket. */
const policy: RulesFor<typeof PolicyServiceService> = {
  apply: 'nobody',
  delete: 'nobody',
  list: 'nobody',
  acceptEmpty: 'nobody',
  subscribe: { nodeIn: 'node' },
};

/** Nodes read the stream; who writes Services comes through the socket. */
const loadBalancing: RulesFor<typeof LoadBalancingServiceService> = { apply: 'nobody', delete: 'nobody', list: 'nobody' };

/** Nodes take their blocks. That they are given back is for whoever removes the node to say. */
const ipam: RulesFor<typeof IpamServiceService> = {
  acquireBlocks: { nodeIn: 'node' },
  releaseBlocks: 'nobody',
  listBlocks: 'nobody',
};

const health: RulesFor<typeof HealthService> = { check: 'everybody', watch: 'everybody' };
/** What is served is no secret; whether a caller may call it is looked at there. */
const reflection: RulesFor<typeof ServerReflectionService> = { serverReflectionInfo: 'everybody' };

function rulesOf<D extends ServiceDefinition>(definition: D, rules: RulesFor<D>): readonly (readonly [string, Rule])[] {
  return Object.entries(definition).map(([name, { path }]) => [path, rules[name]!]);
}

/** Rules by gRPC path (`/package.Service/Method`). What isn't here nobody may call, but locally: node-agent's own service is of that kind. */
const rules: ReadonlyMap<string, Rule> = new Map([
  ...rulesOf(IdentityServiceService, identity),
  ...rulesOf(PolicyServiceService, policy),
  ...rulesOf(LoadBalancingServiceService, loadBalancing),
  ...rulesOf(IpamServiceService, ipam),
  ...rulesOf(HealthService, health),
  ...rulesOf(ServerReflectionService, reflection),
]);

/** Which messages a caller may send to a method; throws `permission_denied` for those it may not. */
export type RequestCheck = (request: unknown) => void;
const any: RequestCheck = () => {};

/** Looks whether a caller may call a method (its gRPC path). Throws `unauthenticated` or `permission_denied`; else returns the check of each message of the call. */
export function checkAccess(caller: Caller, path: string): RequestCheck {
  if (caller.by === 'local') return any;
  const method = path.slice(1);
  if (caller.by === 'nothing') throw new MyelinError('unauthenticated', `${method} needs a certificate that names the caller`);
  const rule = rules.get(path) ?? 'nobody';
  if (rule === 'everybody') return any;
  const name = formatPeerName(caller.name);
  if (rule === 'nobody' || caller.name.kind !== 'node') throw new MyelinError('permission_denied', `${name} may not call ${method}`);
  return (request) => {
    const node = (request as Readonly<Record<string, unknown>>)[rule.nodeIn];
    if (node !== caller.name.name)
      throw new MyelinError('permission_denied', `${name} may not call ${method} for node "${node}", but for itself only`);
  };
}
