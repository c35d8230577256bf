import { formatPrefix } from '@myelin/address';
import { fabric } from './address-plan.ts';
import type { LabState, NetworkFaults } from './state.ts';

/** Names of all ends. */
export const faultEnds = ({ nodes }: Pick<LabState, 'nodes'>): readonly string[] => [
  ...nodes.map(({ name }) => `node:${name}`),
  'control',
  'outside',
];

/** The fabric's side of an end's link. A node has one for the fabric and one for the control plane. */
export function linkOf({ nodes }: Pick<LabState, 'nodes'>, end: string, towards: 'fabric' | 'control' = 'fabric'): string {
  if (end === 'control') return 'control-plane';
  if (end === 'outside') return 'outside';
  const { index } = nodes.find(({ name }) => end === `node:${name}`)!;
  return `${towards === 'control' ? 'c' : 'n'}${index}`;
}

/** A partition more; those of a pair come once, whichever way round they are named. */
export function withPartition(faults: NetworkFaults, a: string, b: string): NetworkFaults {
  const [first, second] = [a, b].sort() as [string, string];
  const others = faults.partitions.filter(([one, other]) => one !== first || other !== second);
  return { ...faults, partitions: [...others, [first, second]] };
}

/** Without those of an end. */
export const withoutEnd = ({ partitions, loss, delay }: NetworkFaults, end: string): NetworkFaults => ({
  partitions: partitions.filter((pair) => !pair.includes(end)),
  loss: Object.fromEntries(Object.entries(loss).filter(([other]) => other !== end)),
  delay: Object.fromEntries(Object.entries(delay).filter(([other]) => other !== end)),
});

/** Whether nothing passes between a node's end and the control plane. */
export const isCutOff = ({ partitions, loss }: NetworkFaults, end: string): boolean =>
  (loss.control ?? 0) >= 1000 || partitions.some((pair) => pair.includes(end) && pair.includes('control'));

/** Where in the fabric's bridges a rule looks at packets, and which ones it drops. */
interface DropRule {
  readonly hook: 'prerouting' | 'forward' | 'postrouting';
  readonly match: string;
}

/** The text for nftables that makes these faults, in the fabric's namespace, in place of those before. The bridges' hooks see all that nodes send, routed or not. */
export function faultRules(state: Pick<LabState, 'nodes'>, { partitions, loss }: NetworkFaults): string {
  const rules = [
    ...partitions.flatMap((pair) => partitionRules(state, pair)),
    ...Object.entries(loss)
      .filter(([, thousandths]) => thousandths > 0)
      .flatMap(([end, thousandths]) => lossRules(state, end, `numgen random mod 1000 >= ${1000 - thousandths}`)),
  ];
  const chains = [...Map.groupBy(rules, ({ hook }) => hook)].map(([hook, of]) =>
    [`  chain ${hook} {`, `    type filter hook ${hook} priority 0`, ...of.map(({ match }) => `    ${match} drop`), '  }'].join('\n'),
  );
  return [
    'table bridge faults',
    'delete table bridge faults',
    ...(chains.length === 0 ? [] : ['table bridge faults {', ...chains, '}']),
    '',
  ].join('\n');
}

function partitionRules(state: Pick<LabState, 'nodes'>, pair: readonly [string, string]): readonly DropRule[] {
  const node = pair.find((end) => end.startsWith('node:'))!;
  const other = pair.find((end) => end !== node)!;
  if (other === 'outside') return outsideRules(linkOf(state, node), '');
  const [a, b] = [linkOf(state, node, other === 'control' ? 'control' : 'fabric'), linkOf(state, other)];
  return [
    { hook: 'forward', match: `iifname "${a}" oifname "${b}"` },
    { hook: 'forward', match: `iifname "${b}" oifname "${a}"` },
  ];
}

function lossRules(state: Pick<LabState, 'nodes'>, end: string, chance: string): readonly DropRule[] {
  if (end === 'outside') return outsideRules(null, ` ${chance}`);
  return [
    { hook: 'prerouting', match: `iifname "${linkOf(state, end)}" ${chance}` },
    { hook: 'postrouting', match: `oifname "${linkOf(state, end)}" ${chance}` },
  ];
}

/** What goes to the outside host and comes from it, of one node's link or (null) of all: the outside is routed to, no port of the bridge. */
function outsideRules(link: string | null, more: string): readonly DropRule[] {
  const at = (side: 'iifname' | 'oifname') => (link === null ? '' : `${side} "${link}" `);
  return fabric.outsidePrefixes.flatMap((prefix): DropRule[] => {
    const family = prefix.family === 4 ? 'ip' : 'ip6';
    return [
      { hook: 'prerouting', match: `${at('iifname')}${family} daddr ${formatPrefix(prefix)}${more}` },
      { hook: 'postrouting', match: `${at('oifname')}${family} saddr ${formatPrefix(prefix)}${more}` },
    ];
  });
}
