export type {
  BalancedProtocol,
  EndpointSlice,
  EndpointState,
  NotServed,
  ObjectName,
  Service,
  ServicePort,
  ServiceProtocol,
  ServiceType,
  SliceEndpoint,
  SlicePort,
} from './model.ts';
export { parseEndpointSlice, parseService, type Read } from './read.ts';
export { serviceNameLabel } from './read-slice.ts';
