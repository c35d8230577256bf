import Table from 'cli-table3';

/** Plain columns, as kubectl prints them: no borders, two blanks between. */
const plain = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Rows under upper-case headings. Nothing to show is said in words, so that an empty answer is told from a broken one. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[], nothing: string): string {
  if (rows.length === 0) return nothing;
  const table = new Table({
    head: headings.map((heading) => heading.toUpperCase()),
    chars: plain,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1, compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
