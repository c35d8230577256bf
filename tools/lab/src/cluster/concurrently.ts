/** Runs `action` for all items, at most `limit` at a time. Ends at the first error. */
export async function concurrently<T>(items: readonly T[], limit: number, action: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await action(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
