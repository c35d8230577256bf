export {
  type Allocation,
  type LocalDirection,
  type LocalEntry,
  type LocalPolicy,
  type Origin,
  type OriginRow,
  type PeerKey,
  type PortBlock,
  type PrefixRow,
  protocolNumbers,
} from './local-policy.ts';
export { type LocalChange, Localizer, type LocalStep } from './localizer.ts';
