import {
  type Address,
  contains,
  type Family,
  formatAddress,
  formatPrefix,
  nthAddress,
  type Prefix,
  parseAddress,
  sizeOf,
} from '@myelin/address';

/** What a node remembers of its pool, beyond which endpoint has which address. Addresses and prefixes as canonical text. */
export interface PoolMemory {
  /** By block: how many addresses from its start have been given at least once. */
  readonly cursors: Readonly<Record<string, string>>;
  /** Addresses that were given and came back, the one that has been free longest first. */
  readonly freed: readonly string[];
}

/** Why an address can't be had. */
export type PoolRefusal =
  | { readonly kind: 'full'; readonly family: Family; readonly blocks: readonly string[] }
  | { readonly kind: 'in-use'; readonly address: Address; readonly owner: string }
  | { readonly kind: 'outside'; readonly address: Address; readonly blocks: readonly string[] }
  | { readonly kind: 'reserved'; readonly address: Address };

/** `isReused`: somebody else had one of them before, and peers may not have heard yet that it is nobody's. */
export type PoolAnswer = { readonly kind: 'given'; readonly addresses: readonly Address[]; readonly isReused: boolean } | PoolRefusal;

/** IPv4 blocks keep their first and last address unused (network and broadcast); IPv6 blocks their first (subnet-router anycast, RFC 4291). */
function usable(block: Prefix): { readonly first: bigint; readonly end: bigint } {
  const size = sizeOf(block);
  if (block.family === 6) return { first: size > 1n ? 1n : 0n, end: size };
  return size > 2n ? { first: 1n, end: size - 1n } : { first: 0n, end: size };
}

/**
 * Addresses of the node's own blocks; asks nobody. Addresses that were never given come first, then those that have been free longest, so
 * that a peer's memory of an address ends before it belongs to someone else.
 */
export class AddressPool {
  readonly #blocks: readonly Prefix[];
  readonly #owners = new Map<bigint, string>();
  readonly #cursors = new Map<Prefix, bigint>();
  /** In order of their return: a Map keeps it, and takes out of the middle without a search. */
  readonly #freed = new Map<bigint, Address>();

  constructor(blocks: readonly Prefix[]) {
    this.#blocks = blocks;
    for (const block of blocks) this.#cursors.set(block, usable(block).first);
  }

  /**
   * The pool as `memory` left it, with what the living endpoints have. Parts of the memory that don't fit the blocks (any more) are passed over; so are
   * addresses of the living outside of them.
   */
  static restore(
    blocks: readonly Prefix[],
    memory: PoolMemory,
    living: Iterable<readonly [owner: string, addresses: readonly Address[]]>,
  ): AddressPool {
    const pool = new AddressPool(blocks);
    for (const [owner, addresses] of living) {
      for (const address of addresses) if (pool.#blockOf(address) !== undefined) pool.#give(address, owner);
    }
    pool.#remember(memory);
    return pool;
  }

  get blocks(): readonly Prefix[] {
    return this.#blocks;
  }

  /** One address of each family that the node has blocks of; all or none. */
  allocate(owner: string): PoolAnswer {
    const families = new Set(this.#blocks.map((block) => block.family));
    const found: Address[] = [];
    for (const family of [...families].sort()) {
      const free = this.#nextFree(family);
      if (free === null) return { kind: 'full', family, blocks: this.#blockTexts(family) };
      found.push(free);
    }
    return this.#giveAll(found, owner);
  }

  /** Exactly these addresses; all or none. What `owner` has already is given again. */
  take(addresses: readonly Address[], owner: string): PoolAnswer {
    for (const address of addresses) {
      const refusal = this.#refusal(address, owner);
      if (refusal !== null) return refusal;
    }
    return this.#giveAll(addresses, owner);
  }

  /** Gives an address back. One that is not `owner`'s stays where it is. */
  release(address: Address, owner: string): void {
    if (this.#owners.get(address.value) !== owner) return;
    this.#owners.delete(address.value);
    this.#freed.set(address.value, address);
  }

  /** What has to be written down so that the order survives a restart. */
  memory(): PoolMemory {
    return {
      cursors: Object.fromEntries([...this.#cursors].map(([block, cursor]) => [formatPrefix(block), cursor.toString()])),
      freed: [...this.#freed.values()].map(formatAddress),
    };
  }

  #remember(memory: PoolMemory): void {
    for (const block of this.#blocks) {
      const text = memory.cursors[formatPrefix(block)];
      if (text !== undefined && /^\d+$/.test(text)) this.#advance(block, BigInt(text));
    }
    for (const text of memory.freed) {
      const address = parseAddress(text);
      if (address !== null && this.#blockOf(address) !== undefined && !this.#owners.has(address.value))
        this.#freed.set(address.value, address);
    }
    // What came back just before the end may not have been written down any more.
    for (const block of this.#blocks) {
      for (let offset = usable(block).first; offset < this.#cursors.get(block)!; offset++) {
        const address = nthAddress(block, offset)!;
        if (!this.#owners.has(address.value) && !this.#freed.has(address.value)) this.#freed.set(address.value, address);
      }
    }
  }

  /** How many of a family's addresses are given, and how many there are. */
  usage(family: Family): { readonly used: number; readonly capacity: bigint } {
    const blocks = this.#blocks.filter((block) => block.family === family);
    const capacity = blocks.reduce((sum, block) => sum + usable(block).end - usable(block).first, 0n);
    return {
      used: [...this.#owners.keys()].filter((value) => blocks.some((block) => contains(block, { family, value }))).length,
      capacity,
    };
  }

  #refusal(address: Address, owner: string): PoolRefusal | null {
    const block = this.#blockOf(address);
    if (block === undefined) return { kind: 'outside', address, blocks: this.#blockTexts(address.family) };
    const offset = address.value - block.value;
    if (offset < usable(block).first || offset >= usable(block).end) return { kind: 'reserved', address };
    const holder = this.#owners.get(address.value);
    return holder === undefined || holder === owner ? null : { kind: 'in-use', address, owner: holder };
  }

  #nextFree(family: Family): Address | null {
    for (const block of this.#blocks.filter((candidate) => candidate.family === family)) {
      for (let offset = this.#cursors.get(block)!; offset < usable(block).end; offset++) {
        const address = nthAddress(block, offset)!;
        if (!this.#owners.has(address.value) && !this.#freed.has(address.value)) return address;
      }
    }
    for (const address of this.#freed.values()) if (address.family === family) return address;
    return null;
  }

  #giveAll(addresses: readonly Address[], owner: string): PoolAnswer {
    const isReused = addresses.some(({ value }) => this.#freed.has(value));
    for (const address of addresses) this.#give(address, owner);
    return { kind: 'given', addresses, isReused };
  }

  #give(address: Address, owner: string): void {
    this.#owners.set(address.value, owner);
    this.#freed.delete(address.value);
    const block = this.#blockOf(address)!;
    // A cursor only passes what is behind it: an address asked for by name further on leaves the gap to be found.
    if (address.value - block.value === this.#cursors.get(block)) this.#advance(block, address.value - block.value + 1n);
  }

  #advance(block: Prefix, cursor: bigint): void {
    const { first, end } = usable(block);
    this.#cursors.set(block, cursor < first ? first : cursor > end ? end : cursor);
  }

  #blockOf(address: Address): Prefix | undefined {
    return this.#blocks.find((block) => contains(block, address));
  }

  #blockTexts(family: Family): readonly string[] {
    return this.#blocks.filter((block) => block.family === family).map(formatPrefix);
  }
}
