export type { PolicyName } from './bound-policy.ts';
export { compilePolicies } from './compile.ts';
export { type CompilerEvent, PolicyCompiler } from './compiler.ts';
