import { readFileSync } from 'node:fs';

const checkMs = 5000;
/** Smaller differences are the clock's own jitter: they must not put events out of order. */
const toleranceNs = 20_000_000n;

const wallClock = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));

/** Hundredths of a second are all that the kernel gives without a system call of our own. */
function sinceBoot(): bigint {
  return BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e9));
}

/** Where the kernel's CLOCK_BOOTTIME began, in nanoseconds since 1970; looked up again every now and then, as the wall clock may be set. */
export class BootTime {
  #value = wallClock() - sinceBoot();
  #checkedAt = performance.now();

  get value(): bigint {
    if (performance.now() - this.#checkedAt > checkMs) {
      this.#checkedAt = performance.now();
      const now = BigInt(Date.now()) * 1_000_000n - sinceBoot();
      const difference = now - this.#value;
      if (difference > toleranceNs || difference < -toleranceNs) this.#value = now;
    }
    return this.#value;
  }
}
