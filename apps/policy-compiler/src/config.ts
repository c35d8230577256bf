import { type ConfigOf, configuration, controlPlaneFields } from '@myelin/service';

/** What the policy compiler can be told. */
export const policyCompilerConfiguration = configuration(
  'policy-compiler',
  'Stores policies and compiles them for every identity they select.',
  controlPlaneFields,
);

/** Its settings, once read. */
export type PolicyCompilerConfig = ConfigOf<typeof policyCompilerConfiguration>;
