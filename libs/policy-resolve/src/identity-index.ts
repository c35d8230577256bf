import {
  formatLabel,
  isReserved,
  type Label,
  type NamedPort,
  parseLabel,
  type ReservedName,
  reservedIdentities,
  reservedLabels,
  splitLabels,
} from '@myelin/labels';
import type { LabelSelector } from '@myelin/policy-model';
import { AnchorIndex } from './anchor.ts';
import { selects } from './match.ts';
import { LabelPostings, SetMap } from './posting.ts';

/** A selector in use and the identities that it selects now, reserved ones included. The same selector is the same selection. */
export interface Selection {
  readonly selector: LabelSelector;
  readonly members: ReadonlySet<number>;
}

interface Held extends Selection {
  readonly members: Set<number>;
  users: number;
}

interface Row {
  readonly labels: readonly Label[];
  readonly namedPorts: readonly NamedPort[];
}

/** What an identity's coming or going touches. */
export interface IdentityChange {
  readonly selections: ReadonlySet<Selection>;
  /** Names of the ports that the identity gives a number. */
  readonly portNames: readonly string[];
}

const nothing: IdentityChange = Object.freeze({ selections: new Set<Selection>(), portNames: [] });

/** Reserved identities that selectors see. Unknown never reaches policy (design D4), the overlay's own traffic neither. */
const selectable = (Object.keys(reservedIdentities) as ReservedName[]).filter((name) => name !== 'unknown' && name !== 'encrypted-overlay');

const selectorKey = (selector: LabelSelector) =>
  selector.map(({ source, key, operator, values }) => `${source}:${key} ${operator} ${values.join(',')}`).join(';');

/**
 * Identities, selectors, and which selects which. A new identity costs the selectors that may select it, a new selector the identities
 * that it may select. The result is the same whatever the order of calls.
 */
export class IdentityIndex {
  readonly #rows = new Map<number, Row>();
  readonly #postings = new LabelPostings();
  readonly #anchors = new AnchorIndex<Held>();
  readonly #selections = new Map<string, Held>();
  readonly #byPortName = new SetMap<string, number>();
  /** Labels taken apart, one object each however many identities have it. */
  readonly #labels = new Map<string, Label>();

  constructor() {
    for (const name of selectable) this.#insert(reservedIdentities[name], reservedLabels(name));
  }

  /** Puts an allocated identity; labels as `identityLabels` makes them. A number's labels never change while it is in use (design C1). */
  put(identity: number, labels: readonly string[]): IdentityChange {
    if (isReserved(identity)) throw new RangeError(`identity ${identity} is reserved: its labels are fixed`);
    const before = this.delete(identity);
    const after = this.#insert(identity, labels);
    return {
      selections: new Set([...before.selections, ...after.selections]),
      portNames: [...new Set([...before.portNames, ...after.portNames])],
    };
  }

  /** Takes an identity away; an unknown one touches nothing. */
  delete(identity: number): IdentityChange {
    const row = this.#rows.get(identity);
    if (row === undefined || isReserved(identity)) return nothing;
    this.#rows.delete(identity);
    this.#postings.delete(identity, row.labels);
    for (const label of row.labels) if (!this.#postings.has(label)) this.#labels.delete(formatLabel(label));
    for (const { name } of row.namedPorts) this.#byPortName.delete(name, identity);
    const selections = new Set<Selection>();
    for (const held of this.#anchors.candidates(row.labels)) if (held.members.delete(identity)) selections.add(held);
    return { selections, portNames: row.namedPorts.map(({ name }) => name) };
  }

  /** Whether an allocated identity is known. */
  has(identity: number): boolean {
    return this.#rows.has(identity) && !isReserved(identity);
  }

  /** All allocated identities. */
  identities(): number[] {
    return [...this.#rows.keys()].filter((identity) => !isReserved(identity));
  }

  /** Takes a selector into use; each call wants a `release`. */
  select(selector: LabelSelector): Selection {
    const key = selectorKey(selector);
    const known = this.#selections.get(key);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const held: Held = { selector, members: new Set(this.#matching(selector)), users: 1 };
    this.#selections.set(key, held);
    this.#anchors.add(held);
    return held;
  }

  /** Gives a selection back. */
  release({ selector }: Selection): void {
    const key = selectorKey(selector);
    const held = this.#selections.get(key);
    if (held === undefined || --held.users > 0) return;
    this.#selections.delete(key);
    this.#anchors.delete(held);
  }

  /** The selections in use that select an identity. */
  selectionsOf(identity: number): ReadonlySet<Selection> {
    const found = new Set<Selection>();
    for (const held of this.#anchors.candidates(this.#rows.get(identity)?.labels ?? [])) if (held.members.has(identity)) found.add(held);
    return found;
  }

  /** Numbers that an identity gives a port name for a protocol: usually one, several when its containers share the name; sorted. */
  portsNamed(identity: number, name: string, protocol: NamedPort['protocol']): number[] {
    const ports = this.#rows.get(identity)?.namedPorts ?? [];
    const numbers = ports.filter((port) => port.name === name && port.protocol === protocol).map(({ number }) => number);
    return [...new Set(numbers)].sort((a, b) => a - b);
  }

  /** Identities that give a port name a number, for whichever protocol. */
  identitiesNaming(portName: string): ReadonlySet<number> {
    return this.#byPortName.get(portName) ?? new Set();
  }

  #insert(identity: number, labels: readonly string[]): IdentityChange {
    const { visible, namedPorts } = splitLabels(labels);
    const row: Row = { labels: visible.map((text) => this.#labelOf(text)), namedPorts };
    this.#rows.set(identity, row);
    this.#postings.add(identity, row.labels);
    for (const { name } of namedPorts) this.#byPortName.add(name, identity);
    const selections = new Set<Selection>();
    for (const held of this.#anchors.candidates(row.labels)) {
      if (selections.has(held) || !selects(held.selector, row.labels)) continue;
      held.members.add(identity);
      selections.add(held);
    }
    return { selections, portNames: namedPorts.map(({ name }) => name) };
  }

  #labelOf(text: string): Label {
    const label = this.#labels.get(text) ?? parseLabel(text);
    if (label === null) throw new SyntaxError(`"${text}" is no label`);
    this.#labels.set(formatLabel(label), label);
    return label;
  }

  *#matching(selector: LabelSelector): Generator<number> {
    for (const set of this.#postings.candidates(selector) ?? [this.#rows.keys()]) {
      for (const identity of set) if (selects(selector, this.#rows.get(identity)!.labels)) yield identity;
    }
  }
}
