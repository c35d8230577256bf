import { tlsFields, tlsProblems } from '@myelin/credentials';
import { type ConfigOf, configuration, controlPlaneFields, controlPlaneProblems } from '@myelin/service';

/** What the policy compiler can be told. */
export const policyCompilerConfiguration = configuration(
  'policy-compiler',
  'Stores policies and compiles them for every identity they select.',
  { ...controlPlaneFields, ...tlsFields },
  (config) => [...tlsProblems(config), ...controlPlaneProblems(config)],
);

/** Its settings, once read. */
export type PolicyCompilerConfig = ConfigOf<typeof policyCompilerConfiguration>;
