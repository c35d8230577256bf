import type { Frontend, Pool, WantedRows } from '@myelin/loadbalancing';
import type { WorkloadPod } from './workload.ts';

/** Port of every service. */
export const servicePort = 80;

/** The number of services that a bar is about: as issue 9 asks for. */
export const serviceCount = 10_000;
const middle = serviceCount / 2;

/** Where clients find the measured one: there whatever their count is. */
export const serviceAddress = addressOf(middle);

/** So many services around the one that is measured, of one backend each, all the same pod and port; what a packet costs must not depend on how many others there are. */
export function makeServices(count: number, { ipv4: backend }: WorkloadPod, backendPort: number): WantedRows {
  const frontends: Frontend[] = [];
  const pools: Pool[] = [];
  const first = middle - (count >> 1);
  for (let number = first; number < first + count; number++) {
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

function addressOf(number: number): string {
  return `10.96.${number >> 8}.${number & 255}`;
}
