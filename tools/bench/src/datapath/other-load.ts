import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Jiffies a second of /proc/stat (USER_HZ): the same on every architecture that Linux runs on. */
const ticksPerSecond = 100;

/** Measures how busy others keep this machine, this process left out. */
export class OtherLoad {
  readonly #busyAtStart = busySeconds();
  readonly #ownAtStart = process.cpuUsage();
  readonly #started = performance.now();

  /** Share of all CPUs since the start: 0 … 1. */
  share(): number {
    const { user, system } = process.cpuUsage(this.#ownAtStart);
    const others = busySeconds() - this.#busyAtStart - (user + system) / 1e6;
    const elapsed = (performance.now() - this.#started) / 1000;
    return Math.min(1, Math.max(0, others / (elapsed * availableParallelism())));
  }
}

/** Seconds that all CPUs together have been busy, or taken away by the hypervisor: user, nice, system, irq, softirq, steal of /proc/stat. */
function busySeconds(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/).slice(1).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields as [number, number, number, number, number, number, number, number];
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}
