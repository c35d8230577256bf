import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const folder = join(import.meta.dirname, '..');
const files = globSync(['progs/*.c', 'include/**/*.h'], { cwd: folder }).map((name) => ({
  name,
  lines: readFileSync(join(folder, name), 'utf8').split('\n'),
}));

// style.md: "No feature #ifdef … budget: 2 conditionals per 1,000 lines"; "about 250 lines at most"
describe('the C code', () => {
  it('has at most two preprocessor conditionals in a thousand lines', () => {
    const all = files.flatMap(({ lines }) => lines);
    const conditionals = all.filter((line) => /^\s*#\s*(if|ifdef|ifndef)\b/.test(line));
    expect(files.length).toBeGreaterThan(20);
    expect(conditionals.length).toBeLessThanOrEqual(Math.ceil((all.length * 2) / 1000));
  });

  it('has no header of more than 250 lines', () => {
    expect(files.filter(({ lines }) => lines.length > 251).map(({ name }) => name)).toEqual([]);
  });
});
