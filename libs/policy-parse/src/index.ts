export { type Parsed, parsePolicy, policyKindOf } from './parse.ts';
