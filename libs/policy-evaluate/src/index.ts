export { type Decision, evaluate, type Reason, type SubjectFlow } from './decide.ts';
export { evaluateFlow, type Flow, type FlowDecision } from './flow.ts';
export { type End, isOutside, matchesPeer, matchesTraffic, type Traffic } from './match.ts';
