/** Headings that every app's and lib's README has, in this order (style, "Layout"). */
export const readmeHeadings = ['Owns', 'Flow', 'Files', 'Inspect', 'Test'] as const;

/** The headings that are missing or out of order. */
export function missingHeadings(readme: string): readonly string[] {
  const found = [...readme.matchAll(/^## (.+)$/gm)].map((match) => match[1]?.trim());
  let from = 0;
  return readmeHeadings.filter((heading) => {
    const at = found.indexOf(heading, from);
    if (at < 0) return true;
    from = at + 1;
    return false;
  });
}
