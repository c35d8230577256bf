import {
  type CompiledEntry,
  type CompiledPeer,
  type PortMatch,
  type PortProtocol,
  type PortRange,
  type Rule,
  type RuleOrigin,
  sections,
} from '@myelin/policy-model';
import type { IdentityIndex, Selection } from '@myelin/policy-resolve';
import type { BoundSpec } from './bound-policy.ts';
import { canonicalEntries, type EntryList } from './entry-list.ts';
import { peerOf, targetsOf } from './peers.ts';

/** A port match without names. */
interface PlainMatch {
  readonly protocol: PortProtocol | null;
  readonly ports: PortRange | null;
}

type NamedMatch = Extract<PortMatch, { portName: string }>;

const isNamed = (match: PortMatch): match is NamedMatch => 'portName' in match;

const everything: readonly PlainMatch[] = [{ protocol: null, ports: null }];

/** A rule whose selectors are in use in an index. Its entries are made when asked for and kept until something that it reads changes. */
export class BoundRule {
  readonly spec: BoundSpec;
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

  constructor(rule: Rule, spec: BoundSpec, index: IdentityIndex) {
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

  /** Entries for one subject, in canonical order. */
  entriesFor(subject: number): EntryList {
    // At ingress a name is the subject's: nothing to keep for others.
    if (this.direction === 'ingress' && this.#named.length > 0) return this.#ingressEntries(subject);
    this.#kept ??= this.direction === 'ingress' ? this.#ingressEntries(subject) : this.#egressEntries();
    return this.#kept;
  }

  /** To be called when a selection's members or the bearers of a watched name have changed. */
  forget(): void {
    this.#kept = null;
  }

  /** Gives its selectors back. */
  release(): void {
    for (const selection of this.selections) this.#index.release(selection);
  }

  /** Identities that its selectors select, in order: sorting what is nearly sorted costs little. */
  #selected(): number[] {
    const all = new Set<number>();
    for (const { members } of this.selections) for (const identity of members) all.add(identity);
    return [...all].sort((a, b) => a - b);
  }

  #ingressEntries(subject: number): EntryList {
    const peers = [...this.#fixed, ...this.#selected().map(peerOf)];
    const matches = [...this.#plain, ...this.#namedBy(subject)];
    return canonicalEntries(peers.flatMap((peer) => matches.map((match) => this.#entry(peer, match))));
  }

  #egressEntries(): EntryList {
    const entries: CompiledEntry[] = [];
    const selected = this.#selected();
    for (const peer of this.#fixed) for (const match of this.#plain) entries.push(this.#entry(peer, match));
    for (const identity of selected) {
      const peer = peerOf(identity);
      for (const match of this.#plain) entries.push(this.#entry(peer, match));
    }
    if (this.#named.length > 0) {
      const bearers = this.watchedNames.flatMap((name) => [...this.#index.identitiesNaming(name)]);
      for (const identity of new Set([...selected, ...bearers])) {
        for (const match of this.#namedBy(identity)) entries.push(this.#entry(peerOf(identity), match));
      }
    }
    return canonicalEntries(entries);
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
