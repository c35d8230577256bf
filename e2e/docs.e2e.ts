import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { firstMissing, type PageCommand, readPage } from './support/page.ts';
import { sleep, TestLab } from './support/test-lab.ts';

const lab = new TestLab();
afterAll(() => lab[Symbol.asyncDispose]());

const { projectRoot } = lab.config;
/** In the order in which a reader goes through them: one session on one lab, which the first page starts and the last one ends. */
const names = ['concepts', 'policy-by-example', 'troubleshooting', 'architecture', 'upgrade'];
const pages = names.map((name) => ({ name: `docs/${name}.md`, page: readPage(join(projectRoot, 'docs', `${name}.md`)) }));

/** What only asks is asked again while the answer is on its way (events, what agents report): a reader's next look is seconds later anyway. */
const asks = /^myelin (monitor|status|endpoint|identity|service|bpf|policy list)\b/;

/** Runs a command; null, or what is wrong with what came back. */
async function run(command: PageCommand): Promise<string | null> {
  const started = performance.now();
  for (;;) {
    const { status, stdout } = await lab.shell(command.command);
    const missing = firstMissing(command, stdout);
    if (status === command.exit && missing === null) return null;
    if (!asks.test(command.command) || performance.now() - started > 20_000)
      return `${command.where}: $ ${command.command}\nexit ${status}, expected ${command.exit}; not there: ${missing}\nwhat it printed:\n${stdout}`;
    await sleep(200);
  }
}

it('every file that a page shows is the file that its commands name', () => {
  for (const { page } of pages)
    for (const { where, path, text } of page.files) expect(text, where).toBe(readFileSync(join(projectRoot, path), 'utf8'));
});

it('every link of a page, and of SECURITY.md, leads to a file', () => {
  for (const page of ['SECURITY.md', 'docs/README.md', ...names.map((name) => `docs/${name}.md`)]) {
    const links = readFileSync(join(projectRoot, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g);
    for (const [, target] of links) expect(existsSync(join(projectRoot, page, '..', target!)), `${page}: ${target}`).toBe(true);
  }
});

it('few commands are marked as not run', () => {
  expect(pages.map(({ name, page }) => [name, page.commands.length > 0, page.notRun])).toEqual([
    ['docs/concepts.md', true, 1],
    ['docs/policy-by-example.md', true, 0],
    ['docs/troubleshooting.md', true, 0],
    ['docs/architecture.md', false, 0],
    ['docs/upgrade.md', false, 0],
  ]);
});

describe.each(pages.filter(({ page }) => page.commands.length > 0))('$name', ({ page }) => {
  it('says what its commands print', { timeout: 480_000 }, async () => {
    for (const command of page.commands) {
      const wrong = await run(command);
      if (wrong !== null) throw new Error(wrong);
    }
  });
});
