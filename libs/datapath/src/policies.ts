import type { BpfMap } from '@myelin/bpf-native';
import { POLICIES, POLICY_WAYS, policyCodec, SUBJECTS, subjectCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { Extents } from './extents.ts';
import { layOut, type PolicyBuckets, readBuckets, readPlace } from './policy-buckets.ts';
import { decodeHead, encodeHead, type PolicyHead, type PolicyImage, type PolicyImageEntry, type PolicyPlace } from './policy-image.ts';
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

/**
 * Maps `subjects`, `policies` and `policy_entries`. An edit fills a policy id and buckets that nobody uses, flips the subject to it, and frees the old ones (design D2). What is in use is
 * read from the maps when they are opened; what a killed writer left half filled is free then.
 */
export class PolicyTable {
  readonly #subjects: BpfMap;
  readonly #policies: BpfMap;
  readonly #entries: BpfMap;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  /** Identity to subject index, also of those whose policy isn't there yet. */
  readonly #indexes = new Map<number, number>();
  /** Subject indexes that nobody has, the one that has been free longest first. */
  readonly #freeIndexes = new Set<number>();
  /** Where the entries of each policy id in use lie. */
  readonly #places = new Map<number, PolicyPlace>();
  /** Buckets of `policy_entries`. */
  readonly #buckets: Extents;
  #lastId = 0;

  private constructor(
    maps: { readonly subjects: BpfMap; readonly policies: BpfMap; readonly entries: BpfMap },
    clock: Clock,
    onFull: OnFull,
  ) {
    this.#subjects = maps.subjects;
    this.#policies = maps.policies;
    this.#entries = maps.entries;
    this.#buckets = new Extents(maps.entries.info.maxEntries);
    this.#clock = clock;
    this.#onFull = onFull;
  }

  static open(
    maps: { readonly subjects: BpfMap; readonly policies: BpfMap; readonly entries: BpfMap },
    clock: Clock,
    onFull: OnFull,
  ): PolicyTable {
    const table = new PolicyTable(maps, clock, onFull);
    table.#load();
    return table;
  }

  get pressure(): readonly TablePressure[] {
    return [
      { table: 'subjects', entries: this.#indexes.size, capacity: SUBJECTS - 1 },
      { table: 'policies', entries: this.#places.size, capacity: POLICIES - 1 },
      { table: 'policy_entries', entries: this.#buckets.taken * POLICY_WAYS, capacity: this.#buckets.capacity * POLICY_WAYS },
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

  /** What is in force for an identity, read back from the kernel; null: nothing. */
  read(identity: number): PolicyHead | null {
    const id = this.#idOf(identity);
    return id === 0 ? null : decodeHead(this.#policies.lookup(indexKey(id))!).head;
  }

  /** The entries in force for an identity, read back from the kernel. */
  readEntries(identity: number): readonly PolicyImageEntry[] {
    const id = this.#idOf(identity);
    const place = this.#places.get(id);
    return place === undefined ? [] : readBuckets(readPlace(this.#entries, place), place.sizes);
  }

  /** Whether exactly this is in force for its identity, entry by entry, as the kernel has it. */
  holds({ entries, ...head }: PolicyImage): boolean {
    const id = this.#idOf(head.identity);
    const place = this.#places.get(id);
    if (place === undefined) return false;
    const { count, sizes, bytes } = layOut(entries);
    const wanted = encodeHead(head, { first: place.first, buckets: count, sizes });
    return wanted.equals(this.#policies.lookup(indexKey(id))!) && bytes.equals(readPlace(this.#entries, place));
  }

  #idOf(identity: number): number {
    const index = this.#indexes.get(identity);
    return index === undefined ? 0 : subjectCodec.read(this.#subjects.lookup(indexKey(index))!).policy;
  }

  /**
   * Puts policies in force and takes others away: all are filled first, then all flip in one turn of the clock, then what nobody uses any more is free again. One that doesn't fit is
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
    for (const id of old) this.#free(id);
    return { applied: filled.map(({ image }) => image.identity), refused };
  }

  #drop(identity: number, epoch: number): number {
    const index = this.#indexes.get(identity);
    if (index === undefined) return 0;
    this.#indexes.delete(identity);
    this.#freeIndexes.add(index);
    return this.#flip(index, 0, epoch);
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
    const laidOut = layOut(image.entries);
    const place = this.#place(image, laidOut);
    this.#places.set(id, place);
    const keys = Buffer.from(Uint32Array.from({ length: place.buckets }, (_, at) => place.first + at).buffer);
    if (place.buckets > 0) await this.#entries.updateBatch(keys, laidOut.bytes);
    this.#policies.update(indexKey(id), encodeHead(image, place));
    return id;
  }

  /** Takes buckets for a policy. Throws DatapathError `full`. */
  #place({ identity, entries }: PolicyImage, { count, sizes }: PolicyBuckets): PolicyPlace {
    const first = this.#buckets.take(count);
    if (first !== null) return { first, buckets: count, sizes };
    this.#onFull('policy_entries');
    const { entries: taken, capacity } = this.pressure[2]!;
    const message = `no room for the policy of identity ${identity}: it has ${entries.length} entries, policy_entries has ${taken} of ${capacity} places taken`;
    throw new DatapathError('full', `identity ${identity}`, message);
  }

  /** Programs that were reading the old id notice that the subject has flipped, and ask again: its buckets may be filled anew at once. */
  #free(id: number): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#policies.update(indexKey(id), noPolicy);
    this.#buckets.give(place.first, place.buckets);
    this.#places.delete(id);
  }

  /** Takes the index that has been free longest. */
  #freeIndex(): number {
    for (const index of this.#freeIndexes) {
      this.#freeIndexes.delete(index);
      return index;
    }
    this.#onFull('subjects');
    throw new DatapathError('full', 'subjects', `no room for another identity: all ${SUBJECTS - 1} subjects of this node are taken`);
  }

  /** Round and round, so that an id comes back as late as can be. */
  #freeId(): number {
    for (let step = 1; step < POLICIES; step++) {
      const id = 1 + ((this.#lastId - 1 + step) % (POLICIES - 1));
      if (this.#places.has(id)) continue;
      this.#lastId = id;
      return id;
    }
    this.#onFull('policies');
    throw new DatapathError('full', 'policies', `no room for another policy: all ${POLICIES - 1} are taken`);
  }

  #load(): void {
    const free: { readonly index: number; readonly since: number }[] = [];
    const subjects = this.#subjects.arrayValues();
    for (let index = 1; index < SUBJECTS; index++) {
      const { policy, epoch } = subjectCodec.read(subjects, index * subjectCodec.size);
      if (policy === 0) {
        free.push({ index, since: epoch });
        continue;
      }
      const { head, place } = decodeHead(this.#policies.lookup(indexKey(policy))!);
      this.#buckets.claim(place.first, place.buckets);
      this.#indexes.set(head.identity, index);
      this.#places.set(policy, place);
      this.#lastId = Math.max(this.#lastId, policy);
    }
    // Epochs tell when each was freed.
    for (const { index } of free.sort((a, b) => a.since - b.since)) this.#freeIndexes.add(index);
  }
}
