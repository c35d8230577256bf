import type { Balancer } from '../balancer.ts';
import { keyText, type Step } from '../rows.ts';
import { frontendName, type Pool, serviceKey } from '../state.ts';
import type { KernelMaps } from './kernel.ts';

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;

function servicesText(balancer: Balancer): string {
  return section(
    'services',
    balancer.services().flatMap((row) => {
      const what = row.headless
        ? 'headless'
        : row.clusterIps.length === 0 && row.type !== 'ExternalName'
          ? `${row.type}, no address yet`
          : row.type;
      return [
        `${serviceKey(row)} (${what})${row.frontends.length === 0 ? '' : `: ${row.frontends.join(', ')}`}`,
        ...row.taken.map(({ frontend, by }) => `  taken: ${frontend} by ${by}`),
        ...row.notServed.map(({ path, what }) => `  not served: ${path}: ${what}`),
      ];
    }),
  );
}

function poolText({ name, affinitySeconds, backends }: Pool): readonly string[] {
  const affinity = affinitySeconds === null ? '' : ` (affinity ${affinitySeconds} s)`;
  const lines = backends.map(
    ({ address, port, state, node }) => `  ${address} port ${port}, ${state}${node === null ? '' : `, on ${node}`}`,
  );
  return [`${name}${affinity}${lines.length === 0 ? ': no backends' : ''}`, ...lines];
}

const slotCounts = (slots: Iterable<number>): string => {
  const counts = new Map<number, number>();
  for (const slot of slots) counts.set(slot, (counts.get(slot) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([slot, count]) => `${count} × slot ${slot}`)
    .join(', ');
};

function stepText(step: Step): string {
  switch (step.map) {
    case 'backends':
      return `backends ${step.index} ${step.row === null ? 'cleared' : `= ${step.row.address} port ${step.row.port}, ${step.row.state}`}`;
    case 'tables':
      return `tables ${step.pool} ${step.table === null ? 'removed' : `= ${slotCounts(step.table)}`}`;
    case 'table':
      return `tables ${step.pool}: ${step.slots.size} positions now ${slotCounts(step.slots.values())}`;
    case 'pools':
      return `pools ${step.pool} ${step.row === null ? 'cleared' : `= ${rowText(step.row)}`}`;
    case 'frontends':
      return `frontends ${keyText(step.key)} ${step.pool === null ? 'removed' : `= ${step.pool}`}`;
    case 'epochs':
      return `epoch of pool ${step.pool}`;
  }
}

const rowText = (row: object): string =>
  Object.entries(row)
    .map(([field, value]) => `${field} ${value}`)
    .join(', ');

const sorted = <V>(map: ReadonlyMap<number, V>) => [...map].sort(([a], [b]) => a - b);

function mapsText({ frontends, pools, tables, backends }: KernelMaps): string {
  return (
    section(
      'map frontends',
      [...frontends].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, pool]) => `${key} = ${pool}`),
    ) +
    section(
      'map pools',
      sorted(pools).map(([number, row]) => `${number} = ${rowText(row)}`),
    ) +
    section(
      'map tables',
      sorted(tables).map(([number, table]) => `${number} = ${slotCounts(table)}`),
    ) +
    section(
      'map backends',
      sorted(backends).map(([index, { address, port, state }]) => `${index} = ${address} port ${port}, ${state}`),
    )
  );
}

/** Everything there is after a step, for people. */
export function printState(balancer: Balancer, writes: readonly Step[], maps: KernelMaps): string {
  return (
    servicesText(balancer) +
    section(
      'frontends',
      balancer.frontends().map((one) => `${frontendName(one)} → ${one.pool}`),
    ) +
    section('pools', balancer.pools().flatMap(poolText)) +
    (section('writes', writes.map(stepText)) || 'no writes\n') +
    (mapsText(maps) || 'maps are empty\n')
  );
}
