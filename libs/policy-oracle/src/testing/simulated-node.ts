import { type Address, contains, formatPrefix, prefix } from '@myelin/address';
import { reservedIdentities } from '@myelin/labels';
import {
  type LocalEntry,
  Localizer,
  type LocalPolicy,
  type LocalStep,
  type PeerKey,
  type PrefixRow,
  protocolNumbers,
} from '@myelin/policy-localize';
import type { CompiledPolicy, Direction, PolicyReference } from '@myelin/policy-model';
import type { OracleEnd, OracleFlow, OracleWorld } from '../world.ts';
import { engineFlow, type Numbering } from './engine.ts';

/** What the tables of one node say to one direction of a flow. */
export interface TableDecision {
  readonly verdict: 'allow' | 'deny';
  /** The policies of the deciding rules, or those whose default deny decided. */
  readonly policies: readonly PolicyReference[];
}

/** One direction of a flow at one subject. `identity` null: an address outside the cluster, numbered by the node's own prefix table. */
export interface TableQuestion {
  readonly subject: number;
  readonly direction: Direction;
  readonly peer: { readonly identity: number | null; readonly address: Address };
  readonly protocol: OracleFlow['protocol'];
  readonly port: number;
}

/** What the tables are asked for a flow: at its source, then at its destination; an end that is no endpoint is not asked. */
export function tableQuestions(world: OracleWorld, numbering: Numbering, flow: OracleFlow): TableQuestion[] {
  const { source, destination, protocol, port } = engineFlow(world, numbering, flow);
  const isOutside = (end: OracleEnd) => !('endpoint' in end) && !('node' in end);
  const ask = (at: OracleEnd, subject: number, direction: Direction, other: OracleEnd, peer: typeof source): TableQuestion[] => {
    const known = { ...peer, identity: isOutside(other) ? null : peer.identity };
    return 'endpoint' in at ? [{ subject, direction, peer: known, protocol, port }] : [];
  };
  return [
    ...ask(flow.source, source.identity, 'egress', flow.destination, destination),
    ...ask(flow.destination, destination.identity, 'ingress', flow.source, source),
  ];
}

const clusterRanges = ['10.244.0.0/16', '192.168.0.0/24', 'fd00:10:244::/48', 'fd00:192:168::/64'].map((text) => prefix(text));

/** A node's policy tables, kept and read as bpf/include/types/policy.h states it, without a kernel. */
export class SimulatedNode {
  readonly #localizer = new Localizer();
  readonly #subjects = new Map<number, LocalPolicy>();
  readonly #rows = new Map<string, PrefixRow>();

  /** Makes these the policies of all subjects, one table row at a time; `afterEach` sees every state between. `backwards`: last row of a step first. */
  put(policies: readonly CompiledPolicy[], afterEach: () => void = () => {}, backwards = false): void {
    const removed = [...this.#subjects.keys()].filter((identity) => !policies.some((policy) => policy.identity === identity));
    for (const step of this.#localizer.update({ put: policies, removed, clusterRanges })) {
      const writes = this.#writesOf(step);
      for (const write of backwards ? writes.reverse() : writes) {
        write();
        afterEach();
      }
    }
  }

  #writesOf(step: LocalStep): (() => unknown)[] {
    if (step.kind === 'subjects') {
      const put = step.put.map((subject) => () => this.#subjects.set(subject.identity, subject));
      return [...put, ...step.removed.map((identity) => () => this.#subjects.delete(identity))];
    }
    const put = step.put.map((row) => () => this.#rows.set(formatPrefix(row.prefix), row));
    return [...put, ...step.deleted.map((one) => () => this.#rows.delete(formatPrefix(one)))];
  }

  /** "Three look-ups (identity, class, any): any deny denies, else any allow allows, else the default." */
  decide({ subject, direction, peer, protocol, port }: TableQuestion): TableDecision {
    const policy = this.#subjects.get(subject)?.[direction];
    if (policy === undefined) throw new RangeError(`no policy for identity ${subject}`);
    const row = this.#rowOf(peer.address);
    const identity = peer.identity ?? row?.identity ?? outsideIdentity(peer.address);
    if (identity === reservedIdentities.unknown) throw new RangeError('an address of the cluster that nobody has meets no policy');
    const keys: PeerKey[] = [{ space: 'identity', identity }, { space: 'any' }];
    if (row !== undefined && row.peerClass !== 0) keys.push({ space: 'class', number: row.peerClass });
    const found = keys
      .map((key) => longestMatch(policy.entries, key, protocolNumbers[protocol], port))
      .filter((entry) => entry !== undefined);
    for (const verdict of ['deny', 'allow'] as const) {
      const deciding = found.filter((entry) => entry.verdict === verdict);
      if (deciding.length > 0) return { verdict, policies: deciding.flatMap(({ origin }) => this.#policiesOf(origin)) };
    }
    return policy.isolated ? { verdict: 'deny', policies: this.#policiesOf(policy.defaultOrigin) } : { verdict: 'allow', policies: [] };
  }

  #rowOf(address: Address): PrefixRow | undefined {
    const covering = [...this.#rows.values()].filter((row) => contains(row.prefix, address));
    return covering.sort((a, b) => b.prefix.bits - a.prefix.bits)[0];
  }

  #policiesOf(number: number): readonly PolicyReference[] {
    const origin = this.#localizer.origin(number);
    if (origin === null) throw new RangeError(`origin ${number} explains nothing`);
    return origin.kind === 'rules' ? origin.rules.map(({ policy }) => policy) : origin.policies;
  }
}

const outsideIdentity = ({ family }: Address) => reservedIdentities[family === 4 ? 'world-ipv4' : 'world-ipv6'];

/** Longest match of one peer key over protocol and port. Throws where two entries have one key: a table can't hold both. */
function longestMatch(entries: readonly LocalEntry[], key: PeerKey, protocol: number, port: number): LocalEntry | undefined {
  const matching = entries
    .filter((entry) => sameKey(entry.peer, key) && covers(entry, protocol, port))
    .sort((a, b) => bitsOf(b) - bitsOf(a));
  if (matching.length > 1 && bitsOf(matching[0]!) === bitsOf(matching[1]!))
    throw new Error(`two entries of one key: ${JSON.stringify(matching)}`);
  return matching[0];
}

const numberOf = (key: PeerKey) => (key.space === 'identity' ? key.identity : key.space === 'class' ? key.number : 0);

const sameKey = (a: PeerKey, b: PeerKey) => a.space === b.space && numberOf(a) === numberOf(b);

const bitsOf = ({ protocol, port }: LocalEntry) => (protocol === null ? 0 : 8 + (port?.bits ?? 0));

function covers(entry: LocalEntry, protocol: number, port: number): boolean {
  if (entry.protocol === null) return true;
  if (entry.protocol !== protocol) return false;
  return entry.port === null || port >> (16 - entry.port.bits) === entry.port.port >> (16 - entry.port.bits);
}
