import { formatPrefix } from '@myelin/address';
import type { ReadPolicyTablesResponse } from '@myelin/contracts/agent';
import { localPolicy } from '@myelin/datapath';
import { encodeKernelSubject } from '@myelin/policy-wire';
import type { Node } from '../control/node.ts';

/** The node's tables as the kernel has them: first what is one for the node, then a message a subject. */
export async function* readPolicyTables({ endpoints, policies }: Node): AsyncGenerator<ReadPolicyTablesResponse> {
  const { applied, tables, originOf } = await policies.receipt();
  const podOf = new Map(endpoints.records.map(({ slot, spec }) => [slot, `${spec.namespace}/${spec.name}`]));
  const node = {
    policyRevision: applied.policy,
    identityRevision: applied.identity,
    appliedIdentities: [...tables.appliedIdentities],
    prefixes: tables.prefixes.map(({ prefix, identity, peerClass }) => ({ prefix: formatPrefix(prefix), identity, peerClass })),
    endpoints: tables.endpoints.map(({ slot, identity, subject, ready }) => ({
      pod: podOf.get(slot) ?? `slot ${slot}`,
      identity,
      subject,
      ready,
    })),
    clusterRanges: [...policies.storedRanges()],
  };
  yield { content: { $case: 'node', value: node } };
  for (const image of tables.policies) yield { content: { $case: 'subject', value: encodeKernelSubject(localPolicy(image), originOf) } };
}
