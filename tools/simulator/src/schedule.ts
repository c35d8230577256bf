import { Call, type Machine, type Process } from './machine.ts';

/** A property that does not hold: the run is a counterexample. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

const beginsAtMs = 1_000_000;

/** Processes, and everything that is under way between them: what can happen next, one thing at a time. */
export abstract class Schedule {
  abstract readonly processes: readonly Process[];
  readonly trace: string[] = [];
  nowMs = beginsAtMs;
  readonly #calls = new Map<Machine, Call>();
  /** Given up by their machines, but not yet lost. */
  readonly #orphans = new Set<Call>();
  readonly #pausedUntilMs = new Map<Process, number>();

  isPaused(process: Process): boolean {
    return (this.#pausedUntilMs.get(process) ?? 0) > this.nowMs;
  }

  /** Everything that can go on now, except time: machines that begin or take an answer, requests that arrive. */
  possible(processes: readonly Process[] = this.processes): (() => void)[] {
    const actions: (() => void)[] = [];
    for (const process of processes) {
      const isPaused = this.isPaused(process);
      for (const machine of process.machines) {
        if (!isPaused && !this.#calls.has(machine)) this.#begin(machine);
        const call = this.#calls.get(machine);
        if (call === undefined) continue;
        if (call.isOver) {
          if (!isPaused) actions.push(() => this.#conclude(call));
        } else if (call.blockedUntilMs(this.nowMs) === null) actions.push(() => this.#arrive(call));
      }
    }
    if (processes === this.processes) actions.push(...this.lateArrivals());
    return actions;
  }

  /** What was given up and not lost may arrive at any time. */
  lateArrivals(): (() => void)[] {
    const actions: (() => void)[] = [];
    for (const call of this.#orphans) if (call.blockedUntilMs(this.nowMs) === null) actions.push(() => this.#arrive(call));
    return actions;
  }

  /** The next time at which something can go on by the clock. */
  nextMs(processes: readonly Process[] = this.processes): number {
    const own = new Set(processes.flatMap(({ machines }) => machines));
    const calls = [...this.#calls.values()]
      .filter(({ machine }) => own.has(machine))
      .map((call) => call.blockedUntilMs(this.nowMs) ?? Number.POSITIVE_INFINITY);
    const pauses = [...this.#pausedUntilMs.values()].filter((untilMs) => untilMs > this.nowMs);
    return Math.min(...calls, ...pauses);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  /** Machines that wait for an answer that hasn't come. */
  get waiting(): readonly Machine[] {
    return [...this.#calls.values()].filter(({ isOver, machine }) => !isOver && machine.isLocal !== true).map(({ machine }) => machine);
  }

  /** The machine gives up waiting; what it has sent may arrive later. */
  timeOut(machine: Machine): void {
    this.say(`${machine.name} gives up`);
    this.#orphan(machine);
    machine.fail(new Error('no answer'));
  }

  /** The machine doesn't want the answer any more, and isn't told; what it has sent may arrive later. */
  abandon(machine: Machine): void {
    this.#orphan(machine);
  }

  /** What was sent and given up is lost. */
  drop(): void {
    this.#orphans.clear();
  }

  get hasOrphans(): boolean {
    return this.#orphans.size > 0;
  }

  crash(process: Process): void {
    this.say(`${process.name} crashes`);
    for (const machine of process.machines) this.#orphan(machine);
    process.restart();
  }

  pause(process: Process, ms: number): void {
    this.say(`${process.name} pauses for ${ms} ms`);
    this.#pausedUntilMs.set(process, this.nowMs + ms);
  }

  resume(process: Process): void {
    this.#pausedUntilMs.delete(process);
  }

  #begin(machine: Machine): void {
    const doing = machine.begin();
    if (doing !== null) this.#calls.set(machine, new Call(machine, doing));
  }

  #arrive(call: Call): void {
    call.step();
    if (this.#orphans.has(call)) this.say(`${call.machine.name}: what it had given up arrives`);
    if (call.isOver) this.#orphans.delete(call);
    this.stepped();
  }

  #conclude(call: Call): void {
    this.#calls.delete(call.machine);
    call.conclude();
    this.say(`${call.machine.name}: ${call.machine.describe()}`);
    this.stepped();
  }

  #orphan(machine: Machine): void {
    const call = this.#calls.get(machine);
    this.#calls.delete(machine);
    if (call !== undefined && !call.isOver && machine.isLocal !== true) this.#orphans.add(call);
  }

  say(what: string): void {
    this.trace.push(`${this.nowMs - beginsAtMs} ms ${what}`);
  }

  /** Called after each step: here properties are looked at. */
  protected stepped(): void {}
}
