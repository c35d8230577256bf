import { type ListedService, LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import type { Revision } from '@myelin/contracts/types';
import { encodeService } from '@myelin/loadbalancing-wire';
import { type ImplementedService, implement } from '@myelin/rpc';
import { MyelinError } from '@myelin/service';
import type { ObjectStore } from '../adapters/object-store.ts';
import type { BalancedService, BalancedState } from '../domain/balanced-state.ts';
import { checkSubmission, objectKey, referenceOf, withCreationTimes } from '../domain/submission.ts';

/** How long `List` waits for the revision that it is asked for. */
const waitMs = 5000;

/** What the handlers work on. */
export interface LoadBalancingParts {
  readonly store: ObjectStore;
  readonly state: BalancedState;
  /** Resolves once `state` includes a revision; throws `deadline_exceeded`. */
  readonly reached: (revision: Revision, timeoutMs: number) => Promise<void>;
}

/** The gRPC service: objects in, what they come to out. */
export function loadBalancingService({ store, state, reached }: LoadBalancingParts): ImplementedService {
  return implement(LoadBalancingServiceService, {
    apply: async ({ documents }) => {
      const submission = checkSubmission(documents);
      if (!submission.ok) throw new MyelinError('invalid_argument', `nothing was applied:\n${submission.problems.join('\n')}`);
      const now = `${new Date().toISOString().slice(0, 19)}Z`;
      const objects = withCreationTimes(submission.objects, await store.creationTimes(submission.objects), now);
      const { revision } = await store.change(objects, []);
      return { revision, objects: objects.map(referenceOf) };
    },
    delete: async ({ objects }) => {
      if (objects.length === 0) throw new MyelinError('invalid_argument', 'no object was named');
      const byKey = new Map(objects.map((reference) => [objectKey(reference), reference]));
      const { revision, removed } = await store.change([], [...byKey.keys()]);
      return { revision, deleted: removed.map((key) => byKey.get(key)!) };
    },
    list: async ({ namespace, name, revision }) => {
      if (revision !== undefined) await reached(revision, waitMs);
      if (state.revision === null) throw new MyelinError('unavailable', 'the stream of services has not been read yet');
      return { services: state.list(namespace || null, name || null).map(encodeListed), revision: state.revision };
    },
  });
}

const encodeListed = ({ service, row, pools }: BalancedService): ListedService => ({
  service: encodeService(service),
  frontends: [...row.frontends],
  taken: row.taken.map(({ frontend, by }) => ({ frontend, by })),
  pools: pools.map(({ name, backends }) => ({
    name,
    backends: backends.map(({ address, port, state, node }) => ({ address, port, state, node: node ?? '' })),
  })),
});
