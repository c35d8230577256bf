import { prefix } from '@myelin/address';
import { tlsFields, tlsProblems } from '@myelin/credentials';
import { type ConfigOf, configuration, controlPlaneFields, controlPlaneProblems, field } from '@myelin/service';
import { formatPool, type Pool, parsePool } from './domain/pool.ts';

const pools: readonly Pool[] = [
  { prefix: prefix('10.244.0.0/16'), blockBits: 24 },
  { prefix: prefix('fd00:10:244::/48'), blockBits: 64 },
];

/** Flags and environment of ipam. */
export const ipamConfiguration = configuration(
  'ipam',
  'cluster pools → blocks of nodes',
  {
    ...controlPlaneFields,
    ...tlsFields,
    pools: field.list<Pool>({
      help: 'ranges of pod addresses, each with the length of the block that a node gets',
      placeholder: '<prefix>:<length>',
      default: pools,
      item: parsePool,
      show: formatPool,
    }),
    recoveryWaitMs: field.integer({
      help: 'how long nodes are waited for to say which blocks they have, where Redis has lost them',
      minimum: 0,
      maximum: 600_000,
      default: 10_000,
    }),
  },
  (config) => [...tlsProblems(config), ...controlPlaneProblems(config)],
);

/** ipam's configuration, frozen. */
export type IpamConfig = ConfigOf<typeof ipamConfiguration>;
