import { configuration, controlPlaneFields, field } from '@myelin/service';

/** What the policy compiler can be told. */
export const policyCompilerConfiguration = configuration(
  'policy-compiler',
  'Stores policies and compiles them for every identity they select.',
  {
    ...controlPlaneFields,
    acceptEmpty: field.text({
      help: 'incarnation whose rows are given up although NATS still holds them',
      default: '',
      accept: (text) => /^\d*$/.test(text),
      expected: 'the number that readiness names',
    }),
  },
);
