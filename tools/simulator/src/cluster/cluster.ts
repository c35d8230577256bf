import type { Direction } from '@myelin/policy-model';
import { compareRevisions, includesRevision } from '@myelin/revision';
import { atOnce, type Machine, type Process } from '../machine.ts';
import { RegistryModel } from '../model/registry.ts';
import type { EndpointRow, IdentityRow, NodeRow, NodeState } from '../model/registry-types.ts';
import { StateLog } from '../model/state-log.ts';
import { Schedule, Violation } from '../schedule.ts';
import { Agent } from './agent.ts';
import { numbersOfSimulation } from './agent-endpoints.ts';
import { AllocatorReplica } from './allocator.ts';
import { CompilerReplica } from './compiler.ts';
import type { OpenEndpoint } from './kernel.ts';
import { isAllowed, type Policies, type PolicyRow, policiesAt, policyKey } from './policy.ts';

/** What tests take out of the rules; the real ones where nothing is said. */
export interface ClusterMutation {
  readonly registry?: typeof RegistryModel;
  readonly allocator?: typeof AllocatorReplica;
  readonly compiler?: typeof CompilerReplica;
  readonly agent?: typeof Agent;
}

/** How a cluster is. `isNative`: nodes tell remote identities by address, not by what the packet's header says. */
export interface ClusterOptions {
  readonly isNative: boolean;
  readonly mutation?: ClusterMutation;
}

type AnyLog = StateLog<EndpointRow> | StateLog<IdentityRow> | StateLog<NodeRow> | StateLog<PolicyRow>;

const incarnation = 7n;
const leaseMs = 15_000;
const quarantineMs = 10_000;
const nodeNames = ['n1', 'n2', 'n3'] as const;

/**
 * Three nodes, two replicas of allocator and compiler, one Redis; and what packets would come to, asked after every change of any kernel:
 * - C1: nobody's packets are let through as another label set's;
 * - C5: no node that was waited for takes an address for somebody else's;
 * - C6: from the moment that it is open, whatever policy allows an endpoint is let through, on every node that was waited for and in time; and nothing that policy denies is.
 */
export class Cluster extends Schedule {
  readonly registry: RegistryModel;
  readonly policies = new StateLog<PolicyRow>(incarnation);
  readonly allocators: readonly AllocatorReplica[];
  readonly compilers: readonly CompilerReplica[];
  readonly agents: readonly Agent[];
  readonly relay: Process;
  override readonly processes: readonly Process[];
  readonly isNative: boolean;
  /** Redis' clock beside the others'. */
  redisAheadMs = 0;
  readonly blocks = new Map<string, string>();
  readonly #meanings: Policies[] = [];
  #checked = '';

  constructor({ isNative, mutation = {} }: ClusterOptions) {
    super();
    this.isNative = isNative;
    const redisMs = () => this.nowMs + this.redisAheadMs;
    for (const [index, name] of nodeNames.entries()) this.blocks.set(`10.0.${index + 1}.`, name);
    const onReport = (node: string, record: string | null, order: number) => {
      for (const { heard } of this.allocators) heard.push({ atMs: redisMs(), node, record, order });
    };
    const onVisible = (node: string, behind: NodeState) => this.#noteVisible(node, behind);
    const nodeOfBlock = (address: string) => this.blocks.get(address.replace(/\d+$/, '')) ?? null;
    const registryOptions = {
      incarnation,
      nowMs: redisMs,
      leaseMs,
      quarantineMs,
      numbers: numbersOfSimulation,
      nodeOfBlock,
      onReport,
      onVisible,
    };
    this.registry = new (mutation.registry ?? RegistryModel)(registryOptions);
    const isPaused = (process: Process) => this.isPaused(process);
    const { registry } = this;
    const around = { registry, nowMs: () => this.nowMs, redisMs, isPaused };
    this.allocators = ['I', 'J'].map((name) => new (mutation.allocator ?? AllocatorReplica)(name, around));
    this.compilers = ['P', 'Q'].map((name) => new (mutation.compiler ?? CompilerReplica)(name, registry.identities, this.policies));
    const agentsAround = {
      registry,
      allocators: this.allocators,
      compilers: this.compilers,
      isNative,
      nowMs: () => this.nowMs,
      abandon: (machine: Machine) => this.abandon(machine),
      say: (what: string) => this.say(what),
    };
    this.agents = nodeNames.map((name, index) => new (mutation.agent ?? Agent)(name, `10.0.${index + 1}.0/30`, agentsAround));
    this.relay = { name: 'relay', machines: this.#relays(), restart: () => {} };
    this.processes = [this.relay, ...this.allocators, ...this.compilers, ...this.agents];
  }

  /** The operator says something else of a label set. Null: nothing. */
  setPolicy(direction: Direction, labels: string, row: PolicyRow | null): void {
    const key = policyKey(direction, labels);
    if (row === null) this.policies.remove(key);
    else this.policies.set(key, row);
    this.say(`policy: ${key} ${row === null ? 'is free' : `${row.says} ${row.labels}`}`);
  }

  /** NATS loses everything. */
  wipeNats(): void {
    this.say('NATS loses everything');
    for (const log of this.#logs) log.bucket = null;
  }

  /** Redis loses what the allocator has. (Policies and blocks have their own ways back, and stay.) No two incarnations are opened in the same millisecond of Redis' clock. */
  wipeRedis(): void {
    this.say('Redis loses what the allocator has');
    this.registry.wipe();
    this.pass(1);
  }

  /** Whether NATS holds a whole bucket of everything that the allocator has, or had when Redis lost it. */
  get hasAllBuckets(): boolean {
    const { identities, endpoints, nodes, recovery } = this.registry;
    const isCurrent = ({ bucket, incarnation }: AnyLog) => bucket !== null && (recovery !== null || bucket.incarnation === incarnation);
    return [identities, endpoints, nodes].every(isCurrent);
  }

  get #logs(): readonly AnyLog[] {
    const { identities, endpoints, nodes } = this.registry;
    return [identities, endpoints, nodes, this.policies];
  }

  // Whether all is well.

  /** Nothing is left to do: everything is published, read, open and settled. */
  get isAtRest(): boolean {
    const { identities, endpoints, nodes } = this.registry;
    return (
      this.registry.recovery === null &&
      [identities, endpoints, nodes, this.policies].every(({ isPublishedWhole }) => isPublishedWhole) &&
      this.agents.every(
        (agent) =>
          agent.registration !== null &&
          agent.isActive &&
          agent.endpoints.isIdle &&
          agent.knowsAll &&
          compareRevisions(agent.standing.reached, identities.revision) === 0 &&
          agent.kernel.policyAt === this.policies.published &&
          agent.endpoints.records.every(({ state, settled }) => state === 'ready' && settled),
      )
    );
  }

  /** Throws where the allocator holds something else than what agents have, or a kernel differs from that. To be called at rest. */
  checkRest(): void {
    this.checkOwners();
    const { registry } = this;
    const records = this.agents.flatMap((agent) => agent.endpoints.records.map((record) => ({ node: agent.name, ...record })));
    const rows = [...registry.endpoints.rows.values()].map(({ row }) => `${row.address}=${row.identity} ${row.node}/${row.endpointUid}`);
    const should = records.map(({ node, spec, addresses, inForce }) => `${addresses[0]}=${inForce?.identity} ${node}/${spec.uid}`);
    this.#equal('addresses', rows, should);
    const numbers = [...registry.identities.rows.values()].map(({ row }) => `${row.number}=${row.labels}`);
    this.#equal('identities', numbers, [...new Set(records.map(({ inForce }) => `${inForce?.identity}=${inForce?.labels[0]}`))]);
    for (const { name, kernel } of this.agents) {
      const addresses = [...kernel.addresses].map(([address, { identity, node }]) => `${address}=${identity} ${node}`);
      this.#equal(
        `addresses of ${name}`,
        addresses,
        should.map((text) => text.replace(/\/.*/, '')),
      );
      this.#equal(`bits of ${name}`, [...kernel.bits].map(String), [...registry.identities.rows.keys()]);
    }
  }

  /** Throws where an address lies in a block that isn't its node's. */
  checkOwners(): void {
    for (const { row } of this.registry.endpoints.rows.values()) {
      const owner = this.blocks.get(row.address.replace(/\d+$/, ''));
      if (owner !== row.node) throw new Violation(`C5: ${row.node} has ${row.address} for ${row.endpointUid}, out of a block of ${owner}`);
    }
  }

  protected override stepped(): void {
    const version = this.agents.map(({ kernel }) => kernel.version).join(' ');
    if (version === this.#checked) return;
    this.#checked = version;
    for (const from of this.agents) for (const to of this.agents) this.#checkPath(from, to);
  }

  /** A node that joins has waited for what was there when it registered, so it owes that as those do that were waited for (C6). */
  #noteVisible(node: string, behind: NodeState): void {
    for (const { kernel } of this.agents)
      for (const [uid, endpoint] of kernel.endpoints) {
        const isBefore =
          endpoint.revision.incarnation === behind.identities.incarnation && includesRevision(behind.identities, endpoint.revision);
        const row = this.registry.endpoints.rows.get(endpoint.address);
        const isAddressKnown =
          row?.row.identity === endpoint.identity && row.row.endpointUid === uid && includesRevision(behind.endpoints, row.revision);
        if (!isBefore || !isAddressKnown) continue;
        kernel.endpoints.set(uid, { ...endpoint, acknowledged: new Set([...endpoint.acknowledged, node]) });
      }
  }

  #equal(what: string, has: readonly string[], should: readonly string[]): void {
    const text = (list: readonly string[]) => [...list].sort().join(', ');
    if (text(has) !== text(should)) throw new Violation(`at rest, ${what}: ${text(has)} instead of ${text(should)}`);
  }

  /** All packets from one node's endpoints to another's. */
  #checkPath(from: Agent, to: Agent): void {
    if (from !== to && !(from.kernel.nodes.has(to.name) && to.kernel.nodes.has(from.name))) return;
    for (const source of from.kernel.endpoints.values())
      for (const destination of to.kernel.endpoints.values()) {
        if (source === destination) continue;
        this.#checkIngress(source, to, destination);
        this.#checkEgress(from, source, destination);
      }
  }

  #checkIngress(source: OpenEndpoint, to: Agent, destination: OpenEndpoint): void {
    const isAcknowledged = this.#owes(source, to);
    const byAddress = to.kernel.addresses.get(source.address);
    const identity = this.isNative ? this.#seen(source, to, byAddress?.identity) : source.identity;
    if (identity === null) return;
    this.#check('ingress', to, destination, { ...source, identity, isAcknowledged });
  }

  #checkEgress(from: Agent, source: OpenEndpoint, destination: OpenEndpoint): void {
    const isAcknowledged = this.#owes(destination, from);
    const identity = this.#seen(destination, from, from.kernel.addresses.get(destination.address)?.identity);
    if (identity === null) return;
    this.#check('egress', from, source, { ...destination, identity, isAcknowledged });
  }

  /** Whether a node was waited for when the endpoint opened, or is its own. */
  #owes({ acknowledged, node }: OpenEndpoint, at: Agent): boolean {
    return acknowledged.has(at.name) || node === at.name;
  }

  /** The identity that a node's address table gives an endpoint: one that it holds; null: it may not know. Throws where it must. */
  #seen(endpoint: OpenEndpoint, at: Agent, identity: number | undefined): number | null {
    if (identity !== undefined && this.registry.numbersOf(endpoint.node, endpoint.uid).includes(identity))
      return identity === endpoint.identity ? identity : null;
    if (!this.#owes(endpoint, at) || !endpoint.isAddressKnown) return null;
    if (identity === endpoint.identity) return identity;
    throw new Violation(
      `C5: ${at.name} takes ${endpoint.address} of ${endpoint.uid} for ${identity === undefined ? 'nobody' : identity}'s instead of ${endpoint.identity}`,
    );
  }

  #check(direction: Direction, at: Agent, subject: OpenEndpoint, peer: OpenEndpoint & { readonly isAcknowledged: boolean }): void {
    const verdict = at.kernel.verdict(direction, subject.identity, peer.identity);
    const should = isAllowed(this.#policiesAt(at.kernel.policyAt), direction, subject.labels, peer.labels);
    const what = `${direction} of ${subject.uid} (${subject.identity}, ${subject.labels}) at ${at.name} with ${peer.uid} (${peer.identity}, ${peer.labels}): ${verdict}`;
    if (verdict === 'allowed' && !should)
      throw new Violation(`leak: ${what}: ${at.kernel.policies.get(subject.identity)?.digest} at ${at.kernel.policyAt}`);
    if (verdict !== 'allowed' && should && peer.isAcknowledged) throw new Violation(`drop: ${what}`);
  }

  #policiesAt(counter: number): Policies {
    this.#meanings[counter] ??= policiesAt(this.policies.changes, counter);
    return this.#meanings[counter]!;
  }

  #isLost(log: AnyLog): boolean {
    return log !== this.policies && this.registry.recovery !== null;
  }

  #publish(log: AnyLog): null {
    if (!log.isPublishedWhole && !this.#isLost(log)) log.publish();
    return null;
  }

  #relays(): readonly Machine[] {
    const { identities, endpoints, nodes } = this.registry;
    return Object.entries({ identities, endpoints, nodes, policies: this.policies }).map(([kind, log]) => ({
      name: `relay of ${kind}`,
      isLocal: true,
      // Nothing is published of what has not come back yet (C4).
      begin: () => (log.isPublishedWhole || this.#isLost(log) ? null : atOnce(() => this.#publish(log))),
      answer: () => {},
      fail: () => {},
      describe: () => `has published ${log.published}`,
    }));
  }
}
