import type { Backend, ListedService, Pool, ServicePort } from '@myelin/contracts/loadbalancing';
import { formatTable } from './table.ts';

/** A line of `service list`. */
export function serviceRow({ service, pools, taken }: ListedService): readonly string[] {
  const { namespace = '', name = '', type = '', headless = false, clusterIps = [], ports = [], notServed = [] } = service ?? {};
  const backends = endpointsOf(pools);
  const usable = backends.filter(({ state }) => state === 'ready').length;
  return [
    namespace,
    name,
    type,
    headless ? 'None' : clusterIps.join(',') || '-',
    ports.map(({ port, protocol }) => `${port}/${protocol}`).join(',') || '-',
    pools.length === 0 ? '-' : `${usable}/${backends.length}`,
    [...(taken.length === 0 ? [] : ['a taken frontend']), ...notServed.map(({ path }) => path)].join(', ') || '-',
  ];
}

export const serviceHeadings = ['namespace', 'name', 'type', 'cluster-ip', 'ports', 'ready', 'not served'] as const;

/** Every endpoint once for each port that it serves. */
function endpointsOf(pools: readonly Pool[]): readonly Backend[] {
  return pools.flatMap(({ backends }) => backends);
}

/** `service describe`. */
export function describeService({ service, frontends, taken, pools }: ListedService): string {
  const { namespace = '', name = '', ports = [], notServed = [] } = service ?? {};
  const key = `${namespace}/${name}`;
  const rows = frontends.flatMap((frontend) => frontendRows(frontend, key, ports, pools));
  const lines = facts(service).map(([title, value]) => `  ${title.padEnd(10)}  ${value}`);
  return [
    `Service ${key}`,
    ...lines,
    '',
    formatTable(['frontend', 'target', 'backend', 'state', 'node'], rows, 'No frontends.'),
    ...(taken.length === 0 ? [] : ['', 'Taken by older Services:', ...taken.map(({ frontend, by }) => `  ${frontend}: ${by}`)]),
    ...(notServed.length === 0 ? [] : ['', 'Not served yet:', ...notServed.map(({ path, what }) => `  ${path}: ${what}`)]),
  ].join('\n');
}

function facts(service: ListedService['service']): readonly (readonly [string, string])[] {
  const { type = '', headless, clusterIps = [], selector = [], hasSelector, affinitySeconds = 0, created = '' } = service ?? {};
  return [
    ['Type', headless ? `${type}, headless: DNS answers with its endpoints` : type],
    ['ClusterIPs', clusterIps.join(', ') || 'none'],
    ['Selector', hasSelector ? selector.map(({ key, value }) => `${key}=${value}`).join(',') : 'none: its endpoints are written by hand'],
    ['Affinity', affinitySeconds === 0 ? 'none' : `by client address, ${affinitySeconds} s`],
    ['Created', created || '-'],
  ];
}

/** A frontend and its backends, a line each; the first names the frontend. */
function frontendRows(
  frontend: string,
  key: string,
  ports: readonly ServicePort[],
  pools: readonly Pool[],
): readonly (readonly string[])[] {
  const [, address = '', port = '', protocol = ''] = /^\[?(.+?)\]?:(\d+)\/(TCP|UDP)$/.exec(frontend) ?? [];
  const pool = pools.find(({ name }) => name === `${key}:${port}/${protocol}/IPv${address.includes(':') ? 6 : 4}`);
  const target = ports.find((one) => `${one.port}/${one.protocol}` === `${port}/${protocol}`)?.targetPort?.value ?? '';
  const backends = pool?.backends ?? [];
  if (backends.length === 0) return [[frontend, `${target}`, 'none: refused', '-', '-']];
  return backends.map(({ address: at, port: to, state, node }, index) => [
    ...(index === 0 ? [frontend, `${target}`] : ['', '']),
    at.includes(':') ? `[${at}]:${to}` : `${at}:${to}`,
    state,
    node || '-',
  ]);
}
