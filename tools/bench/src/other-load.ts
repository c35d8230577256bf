import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Jiffies a second of /proc/stat (USER_HZ): the same on every architecture that Linux runs on. */
const ticksPerSecond = 100;

/** Measures how busy others keep this machine, this process left out. */
export class OtherLoad {
  readonly #busyAtStart: number;
  readonly #ownAtStart = process.cpuUsage();
  readonly #started = performance.now();
  readonly #exceptCpu: number | null;

  /** `exceptCpu`: what runs there is what is measured. The scheduler keeps others off a CPU that is always busy, as far as there are more. */
  constructor(exceptCpu: number | null = null) {
    this.#exceptCpu = exceptCpu;
    this.#busyAtStart = busySeconds(exceptCpu);
  }

  /** Share of all CPUs since the start: 0 … 1. */
  share(): number {
    const { user, system } = process.cpuUsage(this.#ownAtStart);
    const others = busySeconds(this.#exceptCpu) - this.#busyAtStart - (user + system) / 1e6;
    const elapsed = (performance.now() - this.#started) / 1000;
    return Math.min(1, Math.max(0, others / (elapsed * cpus().length)));
  }
}

/** Seconds that all CPUs (but one) together have been busy, or taken away by the hypervisor: user, nice, system, irq, softirq, steal of /proc/stat. */
function busySeconds(exceptCpu: number | null): number {
  const lines = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .filter((line) => /^cpu\d/.test(line) && !line.startsWith(`cpu${exceptCpu} `));
  const ticks = lines.map((line) => {
    const fields = line.split(/\s+/).slice(1).map(Number);
    const [user, nice, system, , , irq, softirq, steal] = fields as [number, number, number, number, number, number, number, number];
    return user + nice + system + irq + softirq + steal;
  });
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}
