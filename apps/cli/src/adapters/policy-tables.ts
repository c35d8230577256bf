import { type Prefix, prefix } from '@myelin/address';
import type { KernelEndpoint, NodeTables } from '@myelin/contracts/agent';
import type { Bookmark, SubscribeRequest } from '@myelin/contracts/policy';
import type { PrefixRow } from '@myelin/policy-localize';
import type { CompiledPolicy } from '@myelin/policy-model';
import type { KernelSubject } from '@myelin/policy-verify';
import { decodeCompiledPolicy, decodeKernelSubject } from '@myelin/policy-wire';
import { type Revision, zeroRevision } from '@myelin/revision';
import { Mailbox, MyelinError } from '@myelin/rpc';
import type { AgentClient, PolicyClient } from './services.ts';

/** What a node's kernel holds, at which revisions. */
export interface HeldTables {
  readonly policyRevision: Revision;
  readonly identityRevision: Revision;
  readonly appliedIdentities: readonly number[];
  readonly rows: readonly PrefixRow[];
  readonly endpoints: readonly KernelEndpoint[];
  readonly clusterRanges: readonly Prefix[];
  readonly subjects: ReadonlyMap<number, KernelSubject>;
}

/** What the compiler says of some subjects, at which revisions. */
export interface CompiledTables {
  readonly policyRevision: Revision;
  readonly identityRevision: Revision;
  readonly identities: readonly number[];
  readonly policies: ReadonlyMap<number, CompiledPolicy>;
}

/** Has an agent read its kernel's tables back. */
export async function readHeldTables(agent: AgentClient, signal: AbortSignal): Promise<HeldTables> {
  let node: NodeTables | null = null;
  const subjects = new Map<number, KernelSubject>();
  for await (const { content } of agent.readPolicyTables({}, { signal })) {
    if (content?.$case === 'node') node = content.value;
    if (content?.$case === 'subject') subjects.set(content.value.identity, decodeKernelSubject(content.value));
  }
  if (node === null) throw new MyelinError('internal', 'the agent sent no tables');
  return {
    policyRevision: node.policyRevision ?? zeroRevision,
    identityRevision: node.identityRevision ?? zeroRevision,
    appliedIdentities: node.appliedIdentities,
    rows: node.prefixes.map(({ prefix: text, identity, peerClass }) => ({ prefix: prefix(text), identity, peerClass })),
    endpoints: node.endpoints,
    clusterRanges: node.clusterRanges.map((text) => prefix(text)),
    subjects,
  };
}

/** Asks the compiler as a node does, for one state that is complete. */
export async function readCompiledTables(
  policy: PolicyClient,
  request: Pick<SubscribeRequest, 'node' | 'subjects' | 'policyRevision' | 'identityRevision'>,
  signal: AbortSignal,
): Promise<CompiledTables> {
  const requests = new Mailbox<SubscribeRequest>();
  requests.push({ ...request, held: {} });
  const policies = new Map<number, CompiledPolicy>();
  for await (const { message } of policy.subscribe(requests, { signal })) {
    if (message?.$case === 'policy') policies.set(message.value.identity, decodeCompiledPolicy(message.value));
    if (message?.$case === 'bookmark') return { ...revisionsOf(message.value), identities: message.value.identitiesIncluded, policies };
  }
  throw new MyelinError('unavailable', 'the policy-compiler ended its answer early');
}

const revisionsOf = ({ policyRevision = zeroRevision, identityRevision = zeroRevision }: Bookmark) => ({
  policyRevision,
  identityRevision,
});
