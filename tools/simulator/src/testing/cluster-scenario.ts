import type { Direction } from '@myelin/policy-model';
import type { Agent } from '../cluster/agent.ts';
import type { AllocatorReplica } from '../cluster/allocator.ts';
import { Cluster, type ClusterOptions } from '../cluster/cluster.ts';
import type { CompilerReplica } from '../cluster/compiler.ts';
import type { PolicyRow } from '../cluster/policy.ts';
import type { Machine, Process } from '../machine.ts';

const stepsAtMost = 8000;

/** Some machines of a process alone: the others stand still. */
export function only(process: Process, ...suffixes: string[]): Process {
  const isNamed = ({ name }: Machine) => suffixes.some((suffix) => name.endsWith(` ${suffix}`));
  return {
    name: process.name,
    get machines() {
      return process.machines.filter(isNamed);
    },
    restart: () => {},
  };
}

/** A process but for some of its machines, which stand still. */
export function without(process: Process, ...suffixes: string[]): Process {
  const isNamed = ({ name }: Machine) => suffixes.some((suffix) => name.endsWith(` ${suffix}`));
  return {
    name: process.name,
    get machines() {
      return process.machines.filter((machine) => !isNamed(machine));
    },
    restart: () => {},
  };
}

/** A cluster that goes on only where it is told to. */
export class ClusterScenario {
  readonly cluster: Cluster;
  readonly a: Agent;
  readonly b: Agent;
  readonly c: Agent;
  readonly compilers: readonly [CompilerReplica, CompilerReplica];
  readonly allocators: readonly [AllocatorReplica, AllocatorReplica];
  /** Relay and replicas of the control plane. */
  readonly control: readonly Process[];

  constructor(options: ClusterOptions) {
    this.cluster = new Cluster(options);
    [this.a, this.b, this.c] = this.cluster.agents as [Agent, Agent, Agent];
    this.compilers = this.cluster.compilers as [CompilerReplica, CompilerReplica];
    this.allocators = this.cluster.allocators as [AllocatorReplica, AllocatorReplica];
    this.control = [this.cluster.relay, ...this.allocators, ...this.compilers];
    this.rest();
  }

  /** Lets these go on until something is so. */
  until(processes: readonly Process[], isSo: () => boolean): void {
    for (let i = 0; i < stepsAtMost; i++) {
      if (isSo()) return;
      const possible = this.cluster.possible(processes);
      // Each in its turn, so that nobody waits for ever.
      if (possible.length > 0) possible[i % possible.length]!();
      else this.cluster.pass(Math.max(1, Math.min(60_000, this.cluster.nextMs(processes) - this.cluster.nowMs)));
    }
    throw new Error(`the scenario does not get there:\n${this.cluster.trace.slice(-60).join('\n')}`);
  }

  /** Lets these go on for so long. */
  during(ms: number, ...processes: readonly Process[]): void {
    const endMs = this.cluster.nowMs + ms;
    this.until(processes, () => this.cluster.nowMs >= endMs);
  }

  /** Lets a node connect to this compiler. */
  turnTo(agent: Agent, compiler: CompilerReplica): void {
    const isConnected = () => agent.connection !== null && !agent.connection.isBroken;
    while (agent.connection?.compiler !== compiler || !isConnected()) {
      if (isConnected()) agent.connection!.compiler.disconnect(agent.connection!);
      this.until([only(agent, 'policy')], isConnected);
    }
  }

  /** The machine sends what it has to send, gives up waiting, and what it sent stays under way. */
  loseAnswer(process: Process, suffix: string): void {
    this.cluster.possible([only(process, suffix)]);
    this.cluster.timeOut(this.machine(process, suffix));
  }

  /** What was sent and given up arrives. */
  late(): void {
    for (let i = 0; i < stepsAtMost && this.cluster.hasOrphans; i++) {
      const [arrive] = this.cluster.lateArrivals();
      if (arrive === undefined) this.cluster.pass(100);
      else arrive();
    }
  }

  /** Everybody goes on until all is at rest; what was given up stays under way. */
  rest(): void {
    this.until([...this.cluster.processes], () => this.cluster.isAtRest);
  }

  /** Everybody goes on until all is at rest, and equal. */
  end(): void {
    this.cluster.drop();
    for (const process of this.cluster.processes) this.cluster.resume(process);
    this.rest();
    this.cluster.checkRest();
  }

  /** Makes a pod and lets everybody go on until it is open. */
  open(agent: Agent, uid: string, labels: string): void {
    agent.endpoints.create(uid, labels);
    this.rest();
  }

  isOpen(agent: Agent, uid: string): boolean {
    return agent.kernel.endpoints.has(uid);
  }

  /** Takes a pod away and lets everybody go on. */
  close(agent: Agent, uid: string): void {
    agent.endpoints.delete(uid);
    this.rest();
  }

  /** NATS and Redis lose everything. */
  loseBoth(): void {
    this.cluster.wipeNats();
    this.cluster.wipeRedis();
  }

  /** Lets these go on until the rows are back, and for a while after. */
  recover(...processes: readonly Process[]): void {
    this.until(processes, () => this.cluster.registry.recovery === null);
    this.during(3000, ...processes);
  }

  policy(direction: Direction, labels: string, says: PolicyRow['says'], ...peers: string[]): void {
    this.cluster.setPolicy(direction, labels, { says, labels: peers });
  }

  /** The machine of a process with this end of its name. */
  machine(process: Process, suffix: string): Machine {
    return process.machines.find(({ name }) => name.endsWith(` ${suffix}`))!;
  }

  pass(ms: number): void {
    this.cluster.pass(ms);
  }
}
