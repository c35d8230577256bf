import { randomUUID } from 'node:crypto';
import { PolicyServiceService, type PolicyReference as WireReference } from '@myelin/contracts/policy';
import type { Store } from '@myelin/outbox';
import type { PolicyKind, PolicyReference } from '@myelin/policy-model';
import { type ImplementedService, implement, MyelinError } from '@myelin/rpc';
import type { PolicyStore } from '../adapters/policy-store.ts';
import { type CompiledState, policyKey } from '../domain/compiled-state.ts';
import { checkSubmission, withUids } from '../domain/submission.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The gRPC service: documents in, compiled policy out. `losses`: takes an operator's word where policies could not be recovered. */
export function policyService(
  store: PolicyStore,
  losses: Pick<Store, 'acceptEmpty'>,
  state: CompiledState,
  subscriptions: Subscriptions,
): ImplementedService {
  return implement(PolicyServiceService, {
    apply: async ({ documents }) => {
      const submission = checkSubmission(documents);
      if (!submission.ok) throw new MyelinError('invalid_argument', `nothing was applied:\n${submission.problems.join('\n')}`);
      const stored = await store.references(submission.documents.map(({ reference }) => policyKey(reference)));
      const rows = withUids(submission.documents, stored, randomUUID);
      const { revision } = await store.change(rows, []);
      return { revision, policies: rows.map(({ reference }) => reference) };
    },
    delete: async ({ policies }) => {
      if (policies.length === 0) throw new MyelinError('invalid_argument', 'no policy was named');
      const byKey = new Map(policies.map((reference) => [keyOf(reference), reference]));
      const { revision, removed } = await store.change([], [...byKey.keys()]);
      return { revision, deleted: removed.map((key) => byKey.get(key)!) };
    },
    list: async () => {
      const { rows, revision } = await store.list();
      const policies = rows.map(({ row, revision: storedAt }) => ({
        reference: row.reference,
        document: row.document,
        revision: storedAt,
        subjects: [...state.subjectsOf(modelReference(row.reference))],
      }));
      return { policies, revision };
    },
    acceptEmpty: async ({ incarnation }) => {
      await losses.acceptEmpty(incarnation);
      return {};
    },
    subscribe: (requests, context) => subscriptions.serve(requests, context),
  });
}

const modelReference = (reference: WireReference | undefined): PolicyReference => ({
  kind: (reference?.kind ?? '') as PolicyKind,
  namespace: reference?.namespace ?? '',
  name: reference?.name ?? '',
  uid: reference?.uid ?? '',
});

const keyOf = (reference: WireReference) => policyKey(modelReference(reference));
