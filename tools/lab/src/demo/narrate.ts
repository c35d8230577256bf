import { styleText } from 'node:util';
import type { Check } from './check.ts';
import type { CutCheck } from './edit.ts';
import type { Expectation } from './expectations.ts';
import type { FaultCheck } from './faults.ts';
import { deniedAt, describeDenial, describeEnd } from './flow-text.ts';

const mark = (ok: boolean) => (ok ? styleText('green', '✔') : styleText('red', '✘'));
const target = ({ probe }: Check) => `${probe.from} → ${probe.to} ${probe.protocol}${probe.protocol === 'ICMP' ? '' : ` ${probe.port}`}`;

/** One expectation and what happened, in lines. Colours go only to a terminal (styleText looks). */
export function narrate({ title }: Expectation, checks: readonly Check[]): string {
  const ok = checks.every(({ difference }) => difference === null);
  return [`${mark(ok)} ${styleText('bold', title)}`, ...checks.flatMap(narrateCheck)].join('\n');
}

function narrateCheck(check: Check): string[] {
  const { family, outcome, event, difference } = check;
  const happened = outcome.ok
    ? `allowed, ${outcome.ms.toFixed(1)} ms: "${outcome.reply}"`
    : event === undefined
      ? `no reply: ${outcome.error}`
      : `denied at ${deniedAt(event)}`;
  return [`    IPv${family}  ${target(check)}: ${happened}`, ...narrateEvent(event), ...narrateDifference(difference)];
}

const narrateEvent = (event: Check['event']): string[] =>
  event === undefined
    ? []
    : [
        `          ${describeDenial(event)}`,
        styleText('dim', `          ${describeEnd(event.source)} → ${describeEnd(event.destination)}`),
      ];

const narrateDifference = (difference: string | null): string[] =>
  difference === null ? [] : [styleText('red', `          ${difference}`)];

/** The edit and what it did to the open connections. */
export function narrateEdit(checks: readonly CutCheck[]): string {
  const ok = checks.every(({ difference }) => difference === null);
  const lines = checks.flatMap(({ family, replies, cutAfterMs, event, difference }) => {
    const cut =
      cutAfterMs === 0
        ? 'no reply came after the policy was stored'
        : `the last reply came ${cutAfterMs.toFixed(1)} ms after the policy was stored`;
    return [
      `    IPv${family}  ${replies} replies on an open connection, then ${cut}`,
      ...narrateEvent(event),
      ...narrateDifference(difference),
    ];
  });
  return [`${mark(ok)} ${styleText('bold', 'an edit cuts the open connections from storefront to catalog')}`, ...lines].join('\n');
}

/** What was lost while every process was killed in turn. */
export function narrateFaults({ killed, traffic }: FaultCheck): string {
  const faults = traffic.filter(({ fault }) => fault !== null);
  const allowed = traffic.filter(({ expect }) => expect === 'reply');
  const sum = (of: readonly { readonly replies: number }[]) => of.reduce((all, { replies }) => all + replies, 0);
  const denied = traffic.length - allowed.length;
  return [
    `${mark(faults.length === 0)} ${styleText('bold', 'every process is killed in turn while traffic flows')}`,
    `          ${killed.map(({ process, readyMs }) => `${process} (ready again after ${(readyMs / 1000).toFixed(1)} s)`).join(', ')}`,
    `    ${allowed.length} exchanges that policy allows, ${sum(allowed)} replies; ${denied} that it denies, ${sum(traffic.filter(({ expect }) => expect === 'none'))} replies`,
    ...faults.map(({ from, to, protocol, family, fault }) => styleText('red', `    ${from} → ${to} ${protocol} IPv${family}: ${fault}`)),
    `    what was lost: ${faults.length === 0 ? 'nothing' : `see above`}`,
  ].join('\n');
}

/** What to try on the lab that stays. `prefix`: what sets LAB_DIR. */
export function thingsToTry(prefix: string, node: string): string {
  const things: readonly [string, string][] = [
    ['who is who', 'npm run -s lab -- status'],
    ['flows as they happen, with the rule that decided', 'npm run -s myelin -- monitor'],
    ['look around in a pod', 'npm run -s lab -- exec shop/orders -- ping -c 2 198.51.100.10'],
    ['the catalog was closed by the edit: open it again', 'npm run -s lab -- apply -f examples/bookshop/kubernetes-policies.yaml'],
    ['kill the agent: what flows goes on, what is denied stays denied', `npm run -s lab -- fault kill node-agent:${node}`],
  ];
  return [
    'The lab stays. Five things to try:',
    ...things.flatMap(([what, command], index) => [`  ${index + 1}. ${what}`, `       ${prefix}${command}`]),
    `and to end it:  ${prefix}npm run -s lab -- down`,
  ].join('\n');
}
