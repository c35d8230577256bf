export { compilePolicies } from './compile.ts';
export { type CompilerEvent, PolicyCompiler, type PolicyName } from './compiler.ts';
