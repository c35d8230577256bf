export { decisionText, type Explanation, explain, explainFlow, type FlowExplanation } from './explain.ts';
export { type Miss, type NearestRule, nearestRule } from './nearest.ts';
export { matchText, type NameIdentity, peerText } from './words.ts';
