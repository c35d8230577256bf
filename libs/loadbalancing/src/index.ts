export { Balancer, type BalancerEvent, type Changes } from './balancer.ts';
export { type ClusterIpRanges, giveClusterIps, type NoClusterIp } from './cluster-ips.ts';
export type { WantedRows } from './held-pools.ts';
export { defaultTableSize, isTableSize, type TableSize, tableSizes } from './maglev/size.ts';
export { maglevTable, mostBackends, nobody, type TableOptions, type WeightedBackend } from './maglev/table.ts';
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
export { NodeTables } from './node-tables.ts';
export { mostOfPool, type NumberedPool } from './numbered-pool.ts';
export { parseEndpointSlice, parseService, type Read } from './read.ts';
export { serviceNameLabel } from './read-slice.ts';
export { type BackendRow, type FrontendKey, type KernelServices, keyText, type PoolRow, type Step } from './rows.ts';
export { endpointsPerSlice, type PodState, slicesOfPods } from './slices-of-pods.ts';
export {
  type Backend,
  backendName,
  endpointName,
  type Frontend,
  frontendName,
  type Pool,
  type ServiceRow,
  serviceKey,
  type TakenFrontend,
  usableBackends,
} from './state.ts';
