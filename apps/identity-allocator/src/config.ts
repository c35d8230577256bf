import { tlsFields, tlsProblems } from '@myelin/credentials';
import { type ConfigOf, configuration, controlPlaneFields, controlPlaneProblems, field } from '@myelin/service';

/** Flags and environment of identity-allocator. */
export const allocatorConfiguration = configuration(
  'identity-allocator',
  'label set → identity number; address → identity, node',
  {
    ...controlPlaneFields,
    ...tlsFields,
    announceWithinMs: field.integer({
      help: 'how long a new number may take to be announced before its allocation is answered with UNAVAILABLE',
      minimum: 1,
      maximum: 60_000,
      default: 2000,
    }),
    appliedWithinMs: field.integer({
      help: 'how long a new endpoint waits at most until all other nodes have applied its identity',
      minimum: 1,
      maximum: 60_000,
      default: 1000,
    }),
    forgetAfterMs: field.integer({
      help: 'how long after the end of its lease a node is taken away with all that it had',
      minimum: 1,
      maximum: 86_400_000,
      default: 600_000,
    }),
    recoveryWaitMs: field.integer({
      help: 'how long nodes are waited for to present what they know, where Redis has lost its rows',
      minimum: 0,
      maximum: 600_000,
      default: 10_000,
    }),
    quarantineMs: field.integer({
      help: 'how long a number that nobody has any more is given to no other label set',
      minimum: 1,
      maximum: 86_400_000,
      default: 600_000,
    }),
    leaseMs: field.integer({
      help: 'how long a node is live after its last report',
      minimum: 100,
      maximum: 600_000,
      default: 15_000,
    }),
  },
  (config) => [...tlsProblems(config), ...controlPlaneProblems(config)],
);

/** The allocator's configuration, frozen. */
export type AllocatorConfig = ConfigOf<typeof allocatorConfiguration>;
