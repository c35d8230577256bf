export { type Parsed, parsePolicy, policyKindOf, policyKinds } from './parse.ts';
