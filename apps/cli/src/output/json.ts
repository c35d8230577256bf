/** JSON for programs: 64-bit numbers as decimal strings, as protobuf's JSON form has them. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part), 2);
}
