import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { Report, Result } from './result.ts';

const plain = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** The report for people: a table, then what the words in it mean. */
export function formatReport({ suite, yardsticks, judgedBy, otherLoad, results }: Report): string {
  const table = new Table({
    head: ['result', 'value', 'best', 'absolute', 'now', 'end', 'evidence'],
    style: { head: ['bold'], compact: true },
    chars: plain,
    wordWrap: true,
    colWidths: [null, null, null, 30, null, null, 70],
  });
  for (const result of results) table.push(row(result));
  const units = Object.entries(yardsticks).map(([letter, values]) => `1 ${letter} = ${Object.entries(values).map(figure).join(', ')}`);
  const others = `others used ${Math.round(otherLoad * 100)} % of the machine`;
  const judged = judgedBy === 'best' ? `${others}: bars are held against the best round` : 'bars are held against the median';
  return [table.toString(), `suite ${suite}; ${[...units, judged].join('; ')}`].join('\n');
}

function row({ name, unit, value, best, raw, bar, ok, final, evidence, reason }: Result): string[] {
  const limit = bar === null ? '' : `${bar.max ?? bar.min ?? ''}`;
  const now = bar === null ? '' : `${bar.now === undefined ? limit : (bar.now ?? '-')}`;
  if (value === null) return [name, '-', '', '', now, limit, styleText('dim', reason ?? '')];
  return [name, `${value} ${unit}`, `${best}`, absolute(raw ?? {}), mark(now, ok), mark(limit, final), evidence ?? ''];
}

/** The median, or all parts of a ratio: `plain 18500 ns, ours 16300 ns`. */
function absolute(raw: Readonly<Record<string, number>>): string {
  const entries = Object.entries(raw);
  const ofYardstick = entries.find(([name]) => name.startsWith('median'));
  if (ofYardstick !== undefined) return figure(ofYardstick);
  return entries.map(([name, value]) => `${name.replace(/Ns$/, '')} ${value} ns`).join(', ');
}

/** `medianNs: 58` → `58 ns`. */
function figure([name, value]: [string, number]): string {
  const unit = /^(?:median|best)(.*)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return `${name.startsWith('best') ? 'best ' : ''}${value} ${unit}`.trimEnd();
}

function mark(limit: string, holds: boolean | null): string {
  if (holds === null) return limit;
  return holds ? styleText('green', `${limit} ok`) : styleText('red', `${limit} missed`);
}
