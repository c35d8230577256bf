import { BpfMap } from '@myelin/bpf-native';
import { DatapathError } from './error.ts';

/** An entry of a map. */
export type Entry = readonly [key: Buffer, value: Buffer];

/**
 * How the tables of an earlier layout become this tree's (README, "Another layout"). A map that isn't named is the same in both, and is used on as it is. Only tables that nobody but the agent writes may be
 * named: of the others, flows above all, entries change while they are copied.
 */
export interface Migration {
  /** `layoutDigest()` of the layout that it comes from. */
  readonly from: bigint;
  /** By map: what becomes of an entry; null: nothing. Pure. */
  readonly maps: Readonly<Record<string, (key: Buffer, value: Buffer) => Entry | null>>;
}

/** Layouts that this tree takes over: none before 0.1.0, whose layout is this tree's still. */
export const migrations: readonly Migration[] = [];

/** Tables that nobody but the agent writes. */
const agentWritten: ReadonlySet<string> = new Set([
  ...['addresses_v4', 'addresses_v6', 'applied_identities', 'endpoints', 'frontends_v4', 'frontends_v6', 'interfaces', 'node_slots'],
  ...['node_state', 'nodes', 'peer_epochs', 'pod_ranges', 'policies', 'policy_entries', 'pool_members', 'prefixes_v4', 'prefixes_v6'],
  ...['service_backends', 'service_pools', 'service_state', 'subjects'],
]);

/** The migration that leads from this layout, null when there is none. Throws DatapathError for one that names a table that programs write. */
export function migrationFrom(digest: bigint, known: readonly Migration[]): Migration | null {
  const found = known.find(({ from }) => from === digest) ?? null;
  const impossible = Object.keys(found?.maps ?? {}).filter((name) => !agentWritten.has(name));
  if (impossible.length === 0) return found;
  throw new DatapathError(
    'layout',
    impossible[0]!,
    `programs write ${impossible.join(', ')} while they would be copied: there is no migration of that yet`,
  );
}

/** Fills a new table from an old one. Throws BpfError where it finds no room. */
export async function copyEntries(from: BpfMap, to: BpfMap, change: (key: Buffer, value: Buffer) => Entry | null): Promise<void> {
  const { keySize, valueSize } = from.info;
  for await (const { count, keys, values } of from.batches()) {
    const entries = Array.from({ length: count }, (_, at) =>
      change(keys.subarray(at * keySize, (at + 1) * keySize), values.subarray(at * valueSize, (at + 1) * valueSize)),
    ).filter((entry) => entry !== null);
    if (entries.length === 0) continue;
    await to.updateBatch(Buffer.concat(entries.map(([key]) => key)), Buffer.concat(entries.map(([, value]) => value)));
  }
}

/** Opens what is pinned there. */
export async function copyPinned(path: string, to: BpfMap, change: (key: Buffer, value: Buffer) => Entry | null): Promise<void> {
  const from = BpfMap.openPinned(path);
  try {
    await copyEntries(from, to, change);
  } finally {
    from.close();
  }
}
