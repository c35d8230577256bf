import { type Frontend, NodeTables, type Pool, type WantedRows } from '@myelin/loadbalancing';
import type { WorkloadPod } from './workload.ts';

/** Port of every service. */
export const servicePort = 80;

/** Services of one backend each, all the same pod and port; what a packet costs must not depend on how many others there are. */
export function makeServices(count: number, { ipv4: backend }: WorkloadPod, backendPort: number): WantedRows {
  const frontends: Frontend[] = [];
  const pools: Pool[] = [];
  for (let number = 0; number < count; number++) {
    const name = `bench/service-${number}:${servicePort}/TCP/IPv4`;
    frontends.push({ address: addressOf(number), port: servicePort, protocol: 'TCP', pool: name });
    pools.push({
      name,
      service: { namespace: 'bench', name: `service-${number}` },
      protocol: 'TCP',
      family: 4,
      affinitySeconds: null,
      backends: [{ address: backend, port: backendPort, state: 'ready', weight: 1, node: null }],
    });
  }
  return { addresses: frontends.map(({ address }) => address), frontends, pools };
}

/** The service in the middle of so many. */
export function addressOfMiddle(count: number): string {
  return addressOf(count >> 1);
}

/** What takes the maps there. */
export function stepsOf(rows: WantedRows) {
  return new NodeTables({ size: 251, seed: 'bench' }).replace(rows);
}

function addressOf(number: number): string {
  return `10.96.${number >> 8}.${number & 255}`;
}
