import { tlsFields, tlsProblems } from '@myelin/credentials';
import { type ConfigOf, configuration, controlPlaneFields, controlPlaneProblems } from '@myelin/service';

/** What the load-balancing controller can be told. */
export const lbControllerConfiguration = configuration(
  'lb-controller',
  'Stores Services and their endpoints and announces them to all nodes.',
  { ...controlPlaneFields, ...tlsFields },
  (config) => [...tlsProblems(config), ...controlPlaneProblems(config)],
);

/** Its settings, once read. */
export type LbControllerConfig = ConfigOf<typeof lbControllerConfiguration>;
