export { decide, type OracleDecision } from './decide.ts';
export type { OracleEnd, OracleEndpoint, OracleFlow, OracleWorld } from './world.ts';
