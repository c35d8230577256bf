import type { Direction } from '@myelin/policy-model';
import type { Run } from '../chaos.ts';
import type { RecoveryModel } from '../model/registry-recovery.ts';
import { Random } from '../random.ts';
import { Violation } from '../schedule.ts';
import type { Agent } from './agent.ts';
import { Cluster, type ClusterMutation } from './cluster.ts';

const labelSets = ['A', 'B', 'C', 'D', 'E'];
const minuteMs = 60_000;
const stepsOfFaults = 500;
const stepsToRest = 20_000;

/** Runs one seed of a cluster: pods come, go and are relabelled, policies change, everything may be slow, die or be lost; then all is left alone and must come to rest, equal. */
export function runClusterSeed(seed: number, mutation: ClusterMutation = {}): Run {
  const random = new Random(seed);
  const cluster = new Cluster({ isNative: random.chance(0.4), mutation });
  try {
    const life = new Life(cluster, random);
    const restlessness = random.pick([0, 0.01, 0.03, 0.08]);
    for (let i = 0; i < stepsOfFaults; i++)
      if (random.chance(restlessness)) life.disturb();
      else life.goOn();
    life.comeToRest();
    return { seed, violation: null, trace: cluster.trace };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { seed, violation: error, trace: cluster.trace };
  }
}

/** What happens in a cluster, as a seed draws it. */
class Life {
  readonly #cluster: Cluster;
  readonly #random: Random;
  #uids = 0;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  goOn(): void {
    const { chance } = { chance: (probability: number) => this.#random.chance(probability) };
    if (chance(0.06)) this.#changePods();
    if (chance(0.02)) this.#changePolicy();
    const possible = this.#cluster.possible();
    if (possible.length > 0 && !chance(0.03)) this.#random.pick(possible)();
    else this.#pass();
  }

  disturb(): void {
    const [cluster, random] = [this.#cluster, this.#random];
    const disturbances: readonly (readonly [weight: number, act: () => unknown])[] = [
      [6, () => cluster.waiting.length > 0 && cluster.timeOut(random.pick(cluster.waiting))],
      [3, () => cluster.drop()],
      [4, () => cluster.crash(random.pick(cluster.processes))],
      [6, () => cluster.pause(random.pick(cluster.processes), random.pick([1000, 5000, 20_000, 5 * minuteMs]))],
      [3, () => this.#breakConnection(random.pick(cluster.agents))],
      [2, () => this.#replaceNode(random.pick(cluster.agents))],
      [2, () => this.#turnRedisClock()],
      [1, () => this.#loseNats()],
      [1, () => this.#loseRedis()],
      [1, () => this.#loseBoth()],
      [3, () => cluster.pass(random.pick([2000, 12_000, 30_000]))],
    ];
    let left = random.next() * disturbances.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of disturbances) {
      left -= weight;
      if (left >= 0) continue;
      act();
      return;
    }
  }

  comeToRest(): void {
    const cluster = this.#cluster;
    for (const process of cluster.processes) cluster.resume(process);
    let quiet = 0;
    for (let i = 0; i < stepsToRest; i++) {
      if (this.#random.chance(0.01)) this.#deleteRefused();
      const possible = cluster.possible();
      if (possible.length > 0) this.#random.pick(possible)();
      else this.#pass();
      quiet = cluster.isAtRest ? quiet + 1 : 0;
      if (quiet > 60) {
        cluster.checkRest();
        return;
      }
    }
    throw new Violation('it does not come to rest');
  }

  /** Whoever finds no number goes: there are fewer of them than label sets. */
  #deleteRefused(): void {
    for (const { endpoints } of this.#cluster.agents)
      for (const { spec, assigned, state } of endpoints.records)
        if (assigned === null && state !== 'deleting' && !endpoints.isBusy(spec.uid)) endpoints.delete(spec.uid);
  }

  #pass(): void {
    const nextMs = this.#cluster.nextMs();
    this.#cluster.pass(Number.isFinite(nextMs) ? Math.max(0, nextMs - this.#cluster.nowMs) : 1000);
  }

  #changePods(): void {
    const random = this.#random;
    const agent = random.pick(this.#cluster.agents);
    if (this.#cluster.isPaused(agent)) return;
    const records = agent.endpoints.records.filter(({ state }) => state !== 'deleting');
    const record = records.length > 0 ? random.pick(records) : null;
    if (record === null || random.chance(0.5)) {
      const uid = `${agent.name}-${++this.#uids}`;
      const labels = random.pick(labelSets);
      if (agent.endpoints.create(uid, labels)) this.#cluster.say(`${uid} is made with ${labels}`);
    } else if (random.chance(0.6)) agent.endpoints.delete(record.spec.uid);
    else if (record.state !== 'failed') agent.endpoints.relabel(record.spec.uid, random.pick(labelSets));
  }

  #changePolicy(): void {
    const random = this.#random;
    const direction: Direction = random.chance(0.5) ? 'ingress' : 'egress';
    const labels = labelSets.filter(() => random.chance(0.4));
    const row = random.chance(0.15) ? null : ({ says: random.chance(0.5) ? 'only' : 'all but', labels } as const);
    this.#cluster.setPolicy(direction, random.pick(labelSets), row);
  }

  #breakConnection({ connection, name }: Agent): void {
    if (connection === null) return;
    this.#cluster.say(`${name} loses its compiler`);
    connection.compiler.disconnect(connection);
  }

  /** A node is gone for good; later another one comes under its name. */
  #replaceNode(agent: Agent): void {
    const cluster = this.#cluster;
    cluster.say(`${agent.name} is replaced by a new machine`);
    cluster.crash(agent);
    agent.replace();
    if (this.#random.chance(0.5)) cluster.pause(agent, 20_000);
    if (this.#random.chance(0.5)) cluster.registry.removeNode(agent.name);
  }

  #loseNats(): void {
    const cluster = this.#cluster;
    if (cluster.registry.recovery === null) cluster.wipeNats();
    else this.#loseBoth();
  }

  #loseRedis(): void {
    if (this.#cluster.hasAllBuckets) this.#cluster.wipeRedis();
    else this.#loseBoth();
  }

  /** Assumed: one survivor knows all rows and says so soon (control-plane.md). */
  #loseBoth(): void {
    const [cluster, random] = [this.#cluster, this.#random];
    const survivors = cluster.agents.filter((agent) => agent.knowsAll && !cluster.isPaused(agent));
    const survivor = survivors.length > 0 ? random.pick(survivors) : null;
    if (survivor === null || cluster.registry.recovery !== null) return;
    cluster.wipeNats();
    cluster.wipeRedis();
    for (const allocator of cluster.allocators) cluster.resume(allocator);
    const recovery = cluster.registry.recovery as RecoveryModel | null;
    for (let i = 0; (cluster.registry.recovery as RecoveryModel | null) === recovery && !recovery!.claimants.has(survivor.name); i++) {
      if (i > stepsToRest) throw new Violation(`${survivor.name} is not asked for what it knows`);
      const possible = cluster.possible([survivor, ...cluster.allocators]);
      if (possible.length > 0) random.pick(possible)();
      else this.#pass();
    }
  }

  #turnRedisClock(): void {
    const ms = this.#random.pick([-2000, -300, 300, 2000]);
    this.#cluster.redisAheadMs += ms;
    this.#cluster.say(`Redis' clock is turned by ${ms} ms`);
  }
}
