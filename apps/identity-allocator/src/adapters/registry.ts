import { type Address, formatAddress, formatPrefix, type Prefix } from '@myelin/address';
import { EndpointAddress, Identity, type Node } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import { type Applied, type NodeReport, readReport } from '@myelin/identity-rules';
import { blocksLua, hexOf, parseRevision, type Reply, type Store, stateScript } from '@myelin/outbox';
import { formatRevision } from '@myelin/revision';
import { allocate } from './scripts/allocate.lua.ts';
import { endpointLua } from './scripts/endpoint.lua.ts';
import { moveAddresses } from './scripts/move-addresses.lua.ts';
import { activateNode, registerNode } from './scripts/register.lua.ts';
import { release } from './scripts/release.lua.ts';
import { removeForgotten, removeNode, removeNodeLua } from './scripts/remove-node.lua.ts';
import { allReports, missed, report } from './scripts/report.lua.ts';
import { reportsLua } from './scripts/reports.lua.ts';
import { sessionLua } from './scripts/session.lua.ts';
import { whoIs } from './scripts/who-is.lua.ts';

/** Who calls: see the contract. */
export interface CallerSession {
  readonly node: string;
  readonly registration: bigint;
  readonly counter: bigint;
}

/** An endpoint that wants a number and addresses. `labels`: canonical. */
export interface EndpointClaim {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly addresses: readonly Address[];
  /** Numbers to try first. */
  readonly preferred: readonly number[];
}

/** The caller's session is not (or no longer) the node's. */
export type SessionRefusal =
  | { readonly outcome: 'unregistered' }
  | { readonly outcome: 'outdated'; readonly what: 'registration' | 'counter'; readonly given: string; readonly seen: string };

export type RegisterOutcome =
  /** `revision` null: the node is not visible to its peers yet. */
  | { readonly outcome: 'ok'; readonly registration: bigint; readonly revision: Revision | null; readonly continued: boolean }
  | { readonly outcome: 'foreign'; readonly cidr: string }
  | { readonly outcome: 'address'; readonly address: string; readonly holder: string };

export type AllocateOutcome =
  | {
      readonly outcome: 'ok';
      readonly number: number;
      readonly identityRevision: Revision;
      readonly endpointRevision: Revision;
      readonly isPublished: boolean;
      /** Of the last report that had been written when the number was given. */
      readonly reportOrder: number;
    }
  | { readonly outcome: 'outside'; readonly address: string }
  | { readonly outcome: 'taken'; readonly address: string; readonly holder: EndpointAddress }
  | { readonly outcome: 'exhausted' }
  | SessionRefusal;

/** `unheld`: the endpoint doesn't have the number. */
export type MoveOutcome = { readonly outcome: 'ok'; readonly endpointRevision: Revision } | { readonly outcome: 'unheld' } | SessionRefusal;

/** `unheld`: the number that should stay isn't the one that the addresses are published under. */
export type ReleaseOutcome =
  | { readonly outcome: 'ok'; readonly endpointRevision: Revision }
  | { readonly outcome: 'unheld' }
  | SessionRefusal;

/** `behind`: the node has not reported yet what was current when it registered. */
export type ActivateOutcome = { readonly outcome: 'ok'; readonly revision: Revision } | { readonly outcome: 'behind' } | SessionRefusal;

export type ReportOutcome = { readonly outcome: 'ok' } | SessionRefusal;

export type WhoIsOutcome =
  | { readonly outcome: 'endpoint'; readonly endpoint: EndpointAddress; readonly identity: Identity | null }
  | { readonly outcome: 'node'; readonly node: string }
  | { readonly outcome: 'unknown' | 'world' };

const scripts = {
  register: stateScript(registerNode, blocksLua, reportsLua, sessionLua),
  activate: stateScript(activateNode, reportsLua, sessionLua),
  allocate: stateScript(allocate, blocksLua, reportsLua, sessionLua, endpointLua),
  moveAddresses: stateScript(moveAddresses, reportsLua, sessionLua, endpointLua),
  release: stateScript(release, reportsLua, sessionLua, endpointLua),
  whoIs: stateScript(whoIs, blocksLua),
  report: stateScript(report, reportsLua, sessionLua),
  removeNode: stateScript(removeNode, reportsLua, sessionLua, endpointLua, removeNodeLua),
  removeForgotten: stateScript(removeForgotten, reportsLua, sessionLua, endpointLua, removeNodeLua),
  missed: stateScript(missed, reportsLua),
  allReports: stateScript(allReports, reportsLua),
};

/** A revision as scripts write it. */
const words = (revision: Revision) => formatRevision(revision).replace('.', ' ');

/** How long things last, in milliseconds. */
export interface RegistryTimes {
  /** A node is live after it has registered or reported. */
  readonly leaseMs: number;
  /** A number that nobody has any more is nobody's. */
  readonly quarantineMs: number;
}

/** Numbers, addresses and nodes in Redis. All methods throw `unavailable` when that is away. */
export class Registry {
  readonly #store: Store;
  readonly #leaseMs: number;
  readonly #quarantineMs: number;

  constructor(store: Store, { leaseMs, quarantineMs }: RegistryTimes) {
    this.#store = store;
    this.#leaseMs = leaseMs;
    this.#quarantineMs = quarantineMs;
  }

  /** Registers a node; what it had before under this name is replaced. */
  async register(
    node: Omit<Node, 'addresses' | 'podCidrs'>,
    addresses: readonly Address[],
    podCidrs: readonly Prefix[],
  ): Promise<RegisterOutcome> {
    const row: Node = { ...node, addresses: addresses.map(formatAddress), podCidrs: podCidrs.map(formatPrefix) };
    const args = [node.name, node.uid, JSON.stringify(row), this.#leaseMs, addresses.length, ...row.addresses, ...row.podCidrs];
    const [word, first, second, third] = await this.#store.run(scripts.register, ...args);
    if (word === 'foreign') return { outcome: 'foreign', cidr: first! };
    if (word === 'address') return { outcome: 'address', address: first!, holder: second! };
    const revision = second === '' ? null : parseRevision(second!);
    return { outcome: 'ok', registration: BigInt(first!), revision, continued: third === '1' };
  }

  /** Makes a node visible to its peers. */
  async activate({ node, registration, counter }: CallerSession): Promise<ActivateOutcome> {
    const reply = await this.#store.run(scripts.activate, node, `${registration}`, `${counter}`);
    const [word, revision] = reply;
    if (word === 'ok') return { outcome: 'ok', revision: parseRevision(revision!) };
    return word === 'behind' ? { outcome: 'behind' } : refusalOf(reply);
  }

  /** Takes a node away, with all that it has; success where it isn't there. Revisions of the streams `nodes` and `endpoints` that include it. */
  async removeNode(node: string): Promise<{ readonly nodes: Revision; readonly endpoints: Revision }> {
    const [, nodes, endpoints] = await this.#store.run(scripts.removeNode, node);
    return { nodes: parseRevision(nodes!), endpoints: parseRevision(endpoints!) };
  }

  /** Takes the nodes away whose lease has been over for so long; their names. */
  async removeForgotten(afterMs: number): Promise<readonly string[]> {
    const [, ...names] = await this.#store.run(scripts.removeForgotten, afterMs);
    return names;
  }

  /** Gives the endpoint its number and addresses; numbers that it has already stay its own. */
  async allocate({ node, registration, counter }: CallerSession, claim: EndpointClaim): Promise<AllocateOutcome> {
    const { uid, namespace, name, labels, preferred } = claim;
    // Rows are put together in the script, which alone knows the number; texts are encoded here.
    const tail = `,${JSON.stringify({ node, endpointUid: uid, namespace, name }).slice(1)}`;
    const addresses = claim.addresses.flatMap((address) => {
      const text = formatAddress(address);
      return [text, hexOf(address), `{"address":${JSON.stringify(text)},"identity":`];
    });
    const session = [node, `${registration}`, `${counter}`];
    const reply = await this.#store.run(
      scripts.allocate,
      ...session,
      uid,
      JSON.stringify(labels),
      this.#quarantineMs,
      claim.addresses.length,
      ...addresses,
      tail,
      ...preferred,
    );
    const [word, first, second, third, fourth, fifth] = reply;
    switch (word) {
      case 'ok': {
        const revisions = { identityRevision: parseRevision(second!), endpointRevision: parseRevision(third!) };
        return { outcome: 'ok', number: Number(first), ...revisions, isPublished: fourth === '1', reportOrder: Number(fifth) };
      }
      case 'outside':
        return { outcome: 'outside', address: first! };
      case 'taken':
        return { outcome: 'taken', address: first!, holder: EndpointAddress.fromPartial(JSON.parse(second!)) };
      case 'exhausted':
        return { outcome: 'exhausted' };
      default:
        return refusalOf(reply);
    }
  }

  /** Publishes the endpoint's addresses under a number that it has. */
  async moveAddresses({ node, registration, counter }: CallerSession, uid: string, number: number): Promise<MoveOutcome> {
    const reply = await this.#store.run(scripts.moveAddresses, node, `${registration}`, `${counter}`, uid, number);
    const [word, revision] = reply;
    if (word === 'ok') return { outcome: 'ok', endpointRevision: parseRevision(revision!) };
    return word === 'unheld' ? { outcome: 'unheld' } : refusalOf(reply);
  }

  /** Takes back what the endpoint has, or all of its numbers but `keep`; with 0, success where it has nothing. */
  async release({ node, registration, counter }: CallerSession, uid: string, keep: number): Promise<ReleaseOutcome> {
    const reply = await this.#store.run(scripts.release, node, `${registration}`, `${counter}`, uid, keep);
    const [word, revision] = reply;
    if (word === 'ok') return { outcome: 'ok', endpointRevision: parseRevision(revision!) };
    return word === 'unheld' ? { outcome: 'unheld' } : refusalOf(reply);
  }

  /** Notes what a node has applied; its lease begins anew. */
  async report(
    { node, registration }: CallerSession,
    { identities, endpoints, nodes }: Applied & { readonly nodes: Revision },
  ): Promise<ReportOutcome> {
    const reply = await this.#store.run(
      scripts.report,
      node,
      `${registration}`,
      this.#leaseMs,
      words(identities),
      words(endpoints),
      words(nodes),
    );
    return reply[0] === 'ok' ? { outcome: 'ok' } : refusalOf(reply);
  }

  /** Notes that nodes were waited for in vain; those that are still late. */
  async missed({ identities, endpoints }: Applied, nodes: readonly string[]): Promise<readonly string[]> {
    const [, ...late] = await this.#store.run(scripts.missed, words(identities), words(endpoints), ...nodes);
    return late;
  }

  /** The reports of all nodes, Redis' time in milliseconds, and the order of the report that was written last. */
  async reports(): Promise<{ readonly nowMs: number; readonly order: number; readonly reports: readonly NodeReport[] }> {
    const [, now, order, ...pairs] = await this.#store.run(scripts.allReports);
    const nowMs = Number(now);
    const reports = pairs.flatMap((node, index) => (index % 2 === 0 ? (readReport(nowMs, node, pairs[index + 1]!) ?? []) : []));
    return { nowMs, order: Number(order), reports };
  }

  async whoIs(address: Address): Promise<WhoIsOutcome> {
    const [word, first, second] = await this.#store.run(scripts.whoIs, formatAddress(address), hexOf(address));
    if (word === 'endpoint') {
      const identity = second === '' ? null : Identity.fromPartial(JSON.parse(second!));
      return { outcome: 'endpoint', endpoint: EndpointAddress.fromPartial(JSON.parse(first!)), identity };
    }
    if (word === 'node') return { outcome: 'node', node: first! };
    return { outcome: word === 'unknown' ? 'unknown' : 'world' };
  }
}

function refusalOf([word, what, given, seen]: Reply): SessionRefusal {
  if (word === 'unregistered') return { outcome: 'unregistered' };
  return { outcome: 'outdated', what: what as 'registration' | 'counter', given: given!, seen: seen! };
}
