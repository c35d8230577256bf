import { readFileSync } from 'node:fs';

/** A command of a page: what is typed behind `$ `, and what the page says comes back. */
export interface PageCommand {
  /** `file:line`, for whoever mends the page. */
  readonly where: string;
  readonly command: string;
  /** Lines of output; a line `…` stands for any lines, `…` in a line for any text. Empty: the page says nothing about it. */
  readonly expected: readonly string[];
  /** A last line `(exit 3)`, else 0. */
  readonly exit: number;
}

/** A Markdown page: its commands, the files that it shows, and how many of its commands are marked as not run. */
export interface Page {
  readonly commands: readonly PageCommand[];
  /** Blocks that show a file: its path, as it stands behind `yaml`, and its text. */
  readonly files: readonly { readonly where: string; readonly path: string; readonly text: string }[];
  readonly notRun: number;
}

/** Reads a page. Throws where a code block is of no kind that is known here: nothing on a page is left out by a slip. */
export function readPage(path: string): Page {
  const commands: PageCommand[] = [];
  const files: Page['files'][number][] = [];
  let notRun = 0;
  const text = readFileSync(path, 'utf8');
  for (const block of text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
    const [, kind, content] = block as unknown as [string, string, string];
    const line = text.slice(0, block.index).split('\n').length;
    const where = `${path}:${line}`;
    if (kind === 'console') commands.push(...readCommands(path, line + 1, content));
    else if (kind === 'console (not run)') notRun += content.split('\n').filter((each) => each.startsWith('$ ')).length;
    else if (kind.startsWith('yaml ')) files.push({ where, path: kind.slice('yaml '.length), text: content });
    else if (kind !== 'text') throw new Error(`${where}: "${kind}": expected console, console (not run), yaml <file> or text`);
  }
  return { commands, files, notRun };
}

function readCommands(path: string, firstLine: number, content: string): readonly PageCommand[] {
  const commands: { where: string; command: string; expected: string[]; exit: number }[] = [];
  for (const [index, line] of content.trimEnd().split('\n').entries()) {
    const last = commands.at(-1);
    const exit = /^\(exit (\d+)\)$/.exec(line);
    if (line.startsWith('$ ')) commands.push({ where: `${path}:${firstLine + index}`, command: line.slice(2), expected: [], exit: 0 });
    else if (last === undefined) throw new Error(`${path}:${firstLine + index}: output without a command`);
    else if (exit) last.exit = Number(exit[1]);
    else last.expected.push(line);
  }
  return commands;
}

/** What another run prints differently: times, source ports, revisions, the last part of a pod's address, widths of columns. */
const masks: readonly [RegExp, string][] = [
  [/\b\d\d:\d\d:\d\d\.\d{3}\b/g, '<time>'],
  [/\b\d{13}\.\d+\b/g, '<revision>'],
  [/\b(10\.244\.\d+)\.\d+/g, '$1.<host>'],
  [/:(3[2-9]|[45]\d|6[0-5])\d{3}\b/g, ':<port>'],
  [/\b(fd00:10:244:(?:\d+)?:)[:\w]+/g, '$1<host>'],
  [/"(ms|sourcePort)":[\d.]+/g, '"$1":<number>'],
  [/\b\d+ ms\b/g, '<number> ms'],
  [/\bunix:\S*\/run\//g, 'unix:.lab/run/'],
  [/ +/g, ' '],
];

const masked = (line: string) => masks.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), line).trim();

const literally = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Compares what came back with what the page says. Returns null, or the first expected line that isn't there (in this order). */
export function firstMissing({ expected }: PageCommand, output: string): string | null {
  if (expected.length === 0) return null;
  const lines = output.trimEnd().split('\n').map(masked);
  let at = 0;
  let anywhere = false;
  for (const line of expected) {
    if (line.trim() === '…') {
      anywhere = true;
      continue;
    }
    const pattern = new RegExp(`^${masked(line).split('…').map(literally).join('.*')}$`);
    const found = anywhere ? lines.findIndex((each, index) => index >= at && pattern.test(each)) : pattern.test(lines[at] ?? '') ? at : -1;
    if (found < 0) return line;
    at = found + 1;
    anywhere = false;
  }
  return anywhere || at === lines.length ? null : `the end, before: ${lines[at]}`;
}
