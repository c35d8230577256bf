/** Levels of a service's log that tell of trouble (libs/service). */
const troubled: ReadonlySet<unknown> = new Set(['warn', 'error', 'fatal']);

/** The last warnings and errors of a service's log (JSON lines; others are passed over), oldest first, each cut at `width` characters. */
export function lastWarnings(log: string, count: number, width = 240): readonly string[] {
  const found: string[] = [];
  for (const line of log.trimEnd().split('\n').reverse()) {
    if (found.length === count) break;
    const entry = parse(line);
    if (entry === null || !troubled.has(entry.level)) continue;
    const { time, level, msg, service: _, pid: __, ...fields } = entry;
    const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
    found.unshift(`${String(time).slice(11, 23)} ${level}: ${msg}${more}`.slice(0, width));
  }
  return found;
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
