export { type Cluster, cluster } from './cluster.ts';
export { flow } from './flows.ts';
export { type Scenario, scenario, scenarios, world } from './scenario.ts';
