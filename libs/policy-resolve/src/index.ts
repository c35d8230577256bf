export { type IdentityChange, IdentityIndex, type Selection } from './identity-index.ts';
export { holds, selects } from './match.ts';
export { SetMap } from './posting.ts';
