export { deniedByDefault, extensionType, ruleLabel } from './deciders.ts';
export { eventTypes, flowOf, remark, shownIdentity, timestamp } from './flow.ts';
export { flowJson, flowLine, timestampText } from './json.ts';
export { protocolNumbers } from './layer4.ts';
export type { Decider, FlowNames, NamedEndpoint, PacketEnd, PacketEvent } from './packet-event.ts';
