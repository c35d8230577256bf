import type { BpfMap } from '@myelin/bpf-native';
import { POLICIES, policyCodec, policyEntryCodec, policyKeyCodec, SUBJECTS, subjectCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError, isFull } from './error.ts';
import {
  decodeEntry,
  decodeHead,
  encodeEntries,
  encodeHead,
  type PolicyHead,
  type PolicyImage,
  type PolicyImageEntry,
} from './policy-image.ts';
import { indexKey, type OnFull, type TablePressure } from './table.ts';

/** A change of policies that takes effect in one turn of the clock. */
export interface PolicyEdit {
  readonly put?: readonly PolicyImage[];
  /** Identities whose policy goes: packets of these subjects drop with 203, and their indexes are free again. Missing is success. */
  readonly removed?: readonly number[];
}

/** What became of a set of policies. A refused one could not be written: what was in force for it still is. */
export interface PolicyChanges {
  readonly applied: readonly number[];
  readonly refused: readonly { readonly identity: number; readonly error: DatapathError }[];
}

interface Filled {
  readonly image: PolicyImage;
  readonly id: number;
}

const noPolicy = Buffer.alloc(policyCodec.size);
const keySize = policyKeyCodec.size;

/**
 * Maps `subjects`, `policies` and `policy_entries`. An edit fills a policy id that nobody uses, flips the subject to it, and deletes the old id's entries (design D2). Which
 * indexes and ids are in use is read from the maps when they are opened; what a killed writer left half filled is cleared then.
 */
export class PolicyTable {
  readonly #subjects: BpfMap;
  readonly #policies: BpfMap;
  readonly #entries: BpfMap;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  /** Identity to subject index, also of those whose policy isn't there yet. */
  readonly #indexes = new Map<number, number>();
  /** Keys of each policy id that has entries, end to end: a trie gives no way to find them again but by reading all. */
  readonly #keys = new Map<number, Buffer>();
  readonly #usedIds = new Set<number>();
  #lastId = 0;
  #entryCount = 0;

  private constructor(
    maps: { readonly subjects: BpfMap; readonly policies: BpfMap; readonly entries: BpfMap },
    clock: Clock,
    onFull: OnFull,
  ) {
    this.#subjects = maps.subjects;
    this.#policies = maps.policies;
    this.#entries = maps.entries;
    this.#clock = clock;
    this.#onFull = onFull;
  }

  static async open(
    maps: { readonly subjects: BpfMap; readonly policies: BpfMap; readonly entries: BpfMap },
    clock: Clock,
    onFull: OnFull,
  ): Promise<PolicyTable> {
    const table = new PolicyTable(maps, clock, onFull);
    table.#loadSubjects();
    await table.#loadEntries();
    await table.#clearLeftovers();
    return table;
  }

  get pressure(): readonly TablePressure[] {
    return [
      { table: 'subjects', entries: this.#indexes.size, capacity: SUBJECTS - 1 },
      { table: 'policies', entries: this.#usedIds.size, capacity: POLICIES - 1 },
      { table: 'policy_entries', entries: this.#entryCount, capacity: this.#entries.info.maxEntries },
    ];
  }

  /** Identities that have an index, with or without a policy. */
  identities(): readonly number[] {
    return [...this.#indexes.keys()];
  }

  /** The subject index of an identity; a free one is taken where it has none. Throws DatapathError `full`. */
  subjectOf(identity: number): number {
    const known = this.#indexes.get(identity);
    if (known !== undefined) return known;
    const index = this.#freeIndex();
    this.#indexes.set(identity, index);
    return index;
  }

  /** Keeps an index for an identity that has no policy yet: a restarted agent reads it from an endpoint's entry. */
  keep(identity: number, index: number): void {
    if (!this.#indexes.has(identity)) this.#indexes.set(identity, index);
  }

  /** What is in force for an identity, read back from the kernel; null: nothing. */
  read(identity: number): PolicyHead | null {
    const index = this.#indexes.get(identity);
    const id = index === undefined ? 0 : subjectCodec.read(this.#subjects.lookup(indexKey(index))!).policy;
    return id === 0 ? null : decodeHead(this.#policies.lookup(indexKey(id))!);
  }

  /** The entries in force for an identity, read back from the kernel. A look-up of an entry's own key finds that entry: it is its longest match. */
  readEntries(identity: number): readonly PolicyImageEntry[] {
    const index = this.#indexes.get(identity);
    const id = index === undefined ? 0 : subjectCodec.read(this.#subjects.lookup(indexKey(index))!).policy;
    const keys = this.#keys.get(id) ?? Buffer.alloc(0);
    return Array.from({ length: keys.length / keySize }, (_, at) => {
      const key = keys.subarray(at * keySize, (at + 1) * keySize);
      return decodeEntry(key, this.#entries.lookup(key)!).entry;
    });
  }

  /** Whether exactly this is in force for its identity, entry by entry, as the kernel has it. */
  holds(image: PolicyImage): boolean {
    const { entries, ...head } = image;
    const same = (a: PolicyHead | null, b: PolicyHead) => a !== null && encodeHead(a).equals(encodeHead(b));
    if (!same(this.read(image.identity), head)) return false;
    const text = (of: readonly PolicyImageEntry[]) =>
      of.map((entry) => encodeEntries(0, [entry])).map(({ keys, values }) => keys.toString('hex') + values.toString('hex'));
    const wanted = new Set(text(entries));
    const held = text(this.readEntries(image.identity));
    return held.length === wanted.size && held.every((entry) => wanted.has(entry));
  }

  /**
   * Puts policies in force and takes others away: all are filled first, then all flip in one turn of the clock, then what nobody uses any more is deleted. One that doesn't fit is
   * reported; the others are applied. Calls must not overlap.
   */
  async apply({ put = [], removed = [] }: PolicyEdit): Promise<PolicyChanges> {
    const filled: Filled[] = [];
    const refused: PolicyChanges['refused'][number][] = [];
    for (const image of put) {
      try {
        filled.push({ image, id: await this.#fill(image) });
      } catch (error) {
        if (!(error instanceof DatapathError)) throw error;
        refused.push({ identity: image.identity, error });
      }
    }
    const old = this.#clock.turn((epoch) => {
      const replaced = filled.map(({ image, id }) => this.#flip(this.subjectOf(image.identity), id, epoch));
      return [...replaced, ...removed.map((identity) => this.#drop(identity, epoch))];
    });
    for (const id of old) await this.#clear(id);
    return { applied: filled.map(({ image }) => image.identity), refused };
  }

  #drop(identity: number, epoch: number): number {
    const index = this.#indexes.get(identity);
    this.#indexes.delete(identity);
    return index === undefined ? 0 : this.#flip(index, 0, epoch);
  }

  /** Points a subject to a policy id; returns the one before. Index and epoch are one word, and name one policy for ever. */
  #flip(index: number, id: number, epoch: number): number {
    const before = subjectCodec.read(this.#subjects.lookup(indexKey(index))!);
    if (before.epoch === epoch) throw new Error(`subject ${index} is flipped twice in one turn of the clock`);
    if (before.policy !== id) this.#subjects.update(indexKey(index), subjectCodec.encode({ policy: id, epoch }));
    return before.policy;
  }

  async #fill(image: PolicyImage): Promise<number> {
    // A subject that has no index yet must get one before anything is written.
    this.subjectOf(image.identity);
    const id = this.#freeId();
    const { keys, values } = encodeEntries(id, image.entries);
    this.#usedIds.add(id);
    this.#keys.set(id, keys);
    try {
      await this.#entries.updateBatch(keys, values);
    } catch (cause) {
      await this.#entries.deleteBatch(keys);
      this.#usedIds.delete(id);
      this.#keys.delete(id);
      if (!isFull(cause)) throw cause;
      this.#onFull('policy_entries');
      const { entries, capacity } = this.pressure[2]!;
      const message = `no room for the policy of identity ${image.identity}: it has ${image.entries.length} entries, policy_entries holds ${entries} of ${capacity}`;
      throw new DatapathError('full', `identity ${image.identity}`, message, { cause });
    }
    this.#entryCount += image.entries.length;
    this.#policies.update(indexKey(id), encodeHead(image));
    return id;
  }

  /** Programs that were reading the old id notice that the subject has flipped, and ask again: it may go at once. */
  async #clear(id: number): Promise<void> {
    if (id === 0) return;
    const keys = this.#keys.get(id);
    if (keys !== undefined) this.#entryCount -= await this.#entries.deleteBatch(keys);
    this.#policies.update(indexKey(id), noPolicy);
    this.#keys.delete(id);
    this.#usedIds.delete(id);
  }

  /** Of the free indexes the one that has been so longest: epochs tell when each was freed. */
  #freeIndex(): number {
    const taken = new Set(this.#indexes.values());
    let found = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (let index = 1; index < SUBJECTS; index++) {
      if (taken.has(index)) continue;
      const { epoch } = subjectCodec.read(this.#subjects.lookup(indexKey(index))!);
      if (epoch < oldest) [found, oldest] = [index, epoch];
      if (epoch === 0) break;
    }
    if (found !== 0) return found;
    this.#onFull('subjects');
    throw new DatapathError('full', 'subjects', `no room for another identity: all ${SUBJECTS - 1} subjects of this node are taken`);
  }

  /** Round and round, so that an id comes back as late as can be. */
  #freeId(): number {
    for (let step = 1; step < POLICIES; step++) {
      const id = 1 + ((this.#lastId - 1 + step) % (POLICIES - 1));
      if (this.#usedIds.has(id)) continue;
      this.#lastId = id;
      return id;
    }
    this.#onFull('policies');
    throw new DatapathError('full', 'policies', `no room for another policy: all ${POLICIES - 1} are taken`);
  }

  #loadSubjects(): void {
    for (let index = 1; index < SUBJECTS; index++) {
      const { policy } = subjectCodec.read(this.#subjects.lookup(indexKey(index))!);
      if (policy === 0) continue;
      this.#indexes.set(policyCodec.read(this.#policies.lookup(indexKey(policy))!).identity, index);
      this.#usedIds.add(policy);
      this.#lastId = Math.max(this.#lastId, policy);
    }
  }

  async #loadEntries(): Promise<void> {
    const keysOf = new Map<number, Buffer[]>();
    for await (const { count, keys, values } of this.#entries.batches()) {
      const copy = Buffer.from(keys);
      for (let at = 0; at < count; at++) {
        const key = copy.subarray(at * keySize, (at + 1) * keySize);
        const { id } = decodeEntry(key, values.subarray(at * policyEntryCodec.size, (at + 1) * policyEntryCodec.size));
        const found = keysOf.get(id);
        if (found === undefined) keysOf.set(id, [key]);
        else found.push(key);
      }
      this.#entryCount += count;
    }
    for (const [id, keys] of keysOf) this.#keys.set(id, Buffer.concat(keys));
  }

  async #clearLeftovers(): Promise<void> {
    for (const id of [...this.#keys.keys()]) {
      if (this.#usedIds.has(id)) continue;
      this.#lastId = Math.max(this.#lastId, id);
      await this.#clear(id);
    }
  }
}
