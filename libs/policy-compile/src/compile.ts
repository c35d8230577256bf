import type { CompiledPolicy, Policy } from '@myelin/policy-model';
import { PolicyCompiler } from './compiler.ts';

/** Compiles from nothing: identities with their labels and policies, each in any order → compiled policies by ascending identity. */
export function compilePolicies(identities: ReadonlyMap<number, readonly string[]>, policies: Iterable<Policy>): readonly CompiledPolicy[] {
  const compiler = new PolicyCompiler();
  for (const [identity, labels] of identities) compiler.apply({ kind: 'identity-put', identity, labels });
  for (const policy of policies) compiler.apply({ kind: 'policy-put', policy });
  return compiler.identities().map((identity) => compiler.compiled(identity)!);
}
