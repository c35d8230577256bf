import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Measurement } from '../result.ts';
import { comparisonPlans } from './comparison.ts';
import { connectionsOfClient, pathPlans } from './paths.ts';
import { measureDatapath } from './run.ts';

const nightly = process.env.MYELIN_NIGHTLY === '1';

describe('the datapath suite', () => {
  it('sends packets along every path that it measures, as the counters prove, and leaves nothing behind', async () => {
    const interfaces = readdirSync('/sys/class/net');
    const measurement: Measurement = await measureDatapath({
      only: null,
      rounds: 1,
      connectionsOfClient: nightly ? connectionsOfClient : 1024,
    });
    const failures = measurement.measured.flatMap((one) => ('reason' in one ? [`${one.name}: ${one.reason}`] : []));
    expect(failures).toEqual([]);
    const plans = [...pathPlans, ...comparisonPlans];
    expect(measurement.measured.map(({ name }) => name).toSorted()).toEqual(plans.map(({ name }) => name).toSorted());
    expect(measurement.yardsticks.Y?.best).toBeGreaterThan(0);
    expect(readdirSync('/sys/class/net')).toEqual(interfaces);
    expect(existsSync('/sys/fs/bpf/node0')).toBe(false);
    // 18 s of work; a machine may have twenty others to do at once.
  }, 300_000);
});
