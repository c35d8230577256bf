import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';

/** Jiffies a second where the kernel's configuration can't be read: Debian's. */
const usualHz = 250;

/** CONFIG_HZ of the running kernel, from its own copy of its configuration or the one beside its image. */
export function kernelHz(): number {
  for (const read of [
    () => gunzipSync(readFileSync('/proc/config.gz')).toString(),
    () => readFileSync(`/boot/config-${release()}`, 'utf8'),
  ]) {
    try {
      const match = /^CONFIG_HZ=(\d+)$/m.exec(read());
      if (match !== null) return Number(match[1]);
    } catch {
      // Not every kernel has either.
    }
  }
  return usualHz;
}

/** What programs measure time in: 2^shift jiffies, about a quarter of a second. */
export function tickShift(hz: number): number {
  return Math.round(Math.log2(hz / 4));
}

/** Seconds as ticks, rounded up. */
export function ticksOf(seconds: number, hz: number): number {
  return Math.ceil((seconds * hz) / 2 ** tickShift(hz));
}
