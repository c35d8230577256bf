export {
  allowLocalhost,
  type CompiledDirection,
  type CompiledEntry,
  type CompiledPeer,
  type CompiledPolicy,
  type Direction,
  type PolicyKind,
  type PolicyReference,
  type PortRange,
  type Protocol,
  protocols,
  type RuleOrigin,
} from './compiled.ts';
export { addEntries, addSums, digestOf, type EntrySum, emptySum, pairTexts, sumOf } from './digest.ts';
export { compareEntries, compareOrigins, comparePolicies, formatOrigin, formatPolicy } from './order.ts';
export {
  type Entity,
  entities,
  type LabelRequirement,
  type LabelSelector,
  type Peer,
  type Policy,
  type PolicySpec,
  type PortMatch,
  type PortProtocol,
  type Rule,
  sections,
} from './source.ts';
