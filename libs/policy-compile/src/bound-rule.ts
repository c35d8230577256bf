import {
  type CompiledEntry,
  type CompiledPeer,
  type PolicyReference,
  type PortMatch,
  type PortProtocol,
  type PortRange,
  type Rule,
  type RuleOrigin,
  sections,
} from '@myelin/policy-model';
import type { IdentityIndex, Selection } from '@myelin/policy-resolve';
import { canonicalList, type EntryList, withEntriesAbout } from './entry-list.ts';
import { peerOf, targetsOf } from './peers.ts';

/** A port match without names. */
interface PlainMatch {
  readonly protocol: PortProtocol | null;
  readonly ports: PortRange | null;
}

type NamedMatch = Extract<PortMatch, { portName: string }>;

const isNamed = (match: PortMatch): match is NamedMatch => 'portName' in match;

const everything: readonly PlainMatch[] = [{ protocol: null, ports: null }];

/** The spec that a rule stands in, as far as its rules ask. */
export interface RuleOwner {
  readonly policy: PolicyReference;
  readonly specIndex: number;
  /** Whom its rules are about. */
  readonly subjects: Selection;
}

/** A rule whose selectors are in use in an index. Its entries are made when asked for and kept; an identity that comes or goes changes those about it. */
export class BoundRule {
  readonly spec: RuleOwner;
  readonly direction: 'ingress' | 'egress';
  /** Selections among its peers. */
  readonly selections: readonly Selection[];
  /** Port names whose every bearer it is about: those of an egress rule that speaks of everyone. */
  readonly watchedNames: readonly string[];

  readonly #origin: RuleOrigin;
  readonly #index: IdentityIndex;
  readonly #fixed: readonly CompiledPeer[];
  readonly #plain: readonly PlainMatch[];
  readonly #named: readonly NamedMatch[];
  #kept: EntryList | null = null;

  constructor(rule: Rule, spec: RuleOwner, index: IdentityIndex) {
    const targets = rule.peers.flatMap(targetsOf);
    this.spec = spec;
    this.direction = sections[rule.section].direction;
    this.selections = targets.flatMap((target) => ('selector' in target ? [index.select(target.selector)] : []));
    this.#fixed = targets.flatMap((target) => ('fixed' in target ? [target.fixed] : []));
    this.#origin = { policy: spec.policy, section: rule.section, specIndex: spec.specIndex, ruleIndex: rule.ruleIndex };
    this.#index = index;
    this.#plain = rule.ports === null ? everything : rule.ports.filter((match): match is Exclude<PortMatch, NamedMatch> => !isNamed(match));
    this.#named = rule.ports?.filter(isNamed) ?? [];
    const speaksOfEveryone = this.#fixed.some(({ kind }) => kind === 'any');
    this.watchedNames = this.direction === 'egress' && speaksOfEveryone ? [...new Set(this.#named.map(({ portName }) => portName))] : [];
  }

  /** Whether its entries are another list for each subject: at ingress a port's name is the subject's. */
  get isPerSubject(): boolean {
    return this.direction === 'ingress' && this.#named.length > 0;
  }

  /** Entries for one subject, in canonical order. */
  entriesFor(subject: number): EntryList {
    if (this.isPerSubject) return this.#entries([...this.#plain, ...this.#namedBy(subject)]);
    this.#kept ??= this.#entries(this.#plain);
    return this.#kept;
  }

  /** To be called when an identity has come or gone that one of its selections or a watched name is about. */
  identityChanged(identity: number): void {
    if (this.#kept !== null) this.#kept = withEntriesAbout(identity, this.#entriesAbout(identity, this.#plain), this.#kept);
  }

  /** Gives its selectors back. */
  release(): void {
    for (const selection of this.selections) this.#index.release(selection);
  }

  /** `matches`: what it says of every peer. */
  #entries(matches: readonly PlainMatch[]): EntryList {
    const entries = this.#fixed.flatMap((peer) => matches.map((match) => this.#entry(peer, match)));
    for (const identity of this.#identities()) entries.push(...this.#entriesAbout(identity, matches));
    return canonicalList(entries);
  }

  /** Identities that it may say something about, in order: sorting what is nearly sorted costs little. */
  #identities(): number[] {
    const all = new Set<number>();
    for (const { members } of this.selections) for (const identity of members) all.add(identity);
    for (const name of this.watchedNames) for (const identity of this.#index.identitiesNaming(name)) all.add(identity);
    return [...all].sort((a, b) => a - b);
  }

  /** At egress a name is the peer's; with everyone among the peers it is about all who bear it, selected or not. */
  #entriesAbout(identity: number, matches: readonly PlainMatch[]): CompiledEntry[] {
    const isSelected = this.selections.some(({ members }) => members.has(identity));
    const isNamed = this.direction === 'egress' && (isSelected || this.watchedNames.length > 0);
    const said = [...(isSelected ? matches : []), ...(isNamed ? this.#namedBy(identity) : [])];
    return said.map((match) => this.#entry(peerOf(identity), match));
  }

  /** The rule's named ports as the numbers that an identity gives them. */
  #namedBy(identity: number): PlainMatch[] {
    return this.#named.flatMap(({ protocol, portName }) =>
      this.#index.portsNamed(identity, portName, protocol).map((port) => ({ protocol, ports: { first: port, last: port } })),
    );
  }

  #entry(peer: CompiledPeer, { protocol, ports }: PlainMatch): CompiledEntry {
    return { peer, protocol, ports, verdict: sections[this.#origin.section].verdict, origins: [this.#origin] };
  }
}
