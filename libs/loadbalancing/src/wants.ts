import { type Family, parseAddress } from '@myelin/address';
import { compareText } from '@myelin/labels';
import type { BalancedProtocol, EndpointSlice, Service, ServicePort } from './model.ts';
import { type Backend, endpointName, type Frontend, type Pool, serviceKey } from './state.ts';

/** What one Service with its slices comes to, before others are asked whether they have its frontends. */
export interface Wants {
  readonly frontends: readonly Frontend[];
  readonly pools: readonly Pool[];
}

const worth = { ready: 0, terminating: 1, unready: 2 } as const;

/** Backends of one port: of every slice that has the port's name and protocol. One that several slices hold (they overlap while the controller moves endpoints) counts in its best state. */
function backendsOf(
  { name }: ServicePort,
  protocol: BalancedProtocol,
  family: Family,
  slices: readonly EndpointSlice[],
): readonly Backend[] {
  const found = new Map<string, Backend>();
  for (const slice of slices) {
    if (slice.family !== family) continue;
    for (const { port } of slice.ports.filter((one) => one.name === name && one.protocol === protocol)) {
      for (const { address, state, node } of slice.endpoints) {
        const key = endpointName(address, port, protocol);
        const known = found.get(key);
        if (known === undefined || worth[state] < worth[known.state]) found.set(key, { address, port, state, weight: 1, node });
      }
    }
  }
  return [...found].sort(([a], [b]) => compareText(a, b)).map(([, backend]) => backend);
}

/** What a Service asks for. `slices`: its own, in the order of their names. A port of a protocol that isn't balanced has no frontend; a family without ClusterIP none either. */
export function wantsOf(service: Service, slices: readonly EndpointSlice[]): Wants {
  const frontends: Frontend[] = [];
  const pools: Pool[] = [];
  const { namespace, name } = service;
  for (const port of service.ports) {
    const { protocol } = port;
    if (protocol === 'SCTP') continue;
    for (const address of service.clusterIps) {
      const { family } = parseAddress(address)!;
      const pool = `${serviceKey(service)}:${port.port}/${protocol}/IPv${family}`;
      frontends.push({ address, port: port.port, protocol, pool });
      const backends = backendsOf(port, protocol, family, slices);
      pools.push({ name: pool, service: { namespace, name }, protocol, family, affinitySeconds: service.affinitySeconds, backends });
    }
  }
  return { frontends, pools };
}
