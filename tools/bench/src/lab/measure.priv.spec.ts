import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resultPlans } from './results.ts';
import { measureLab } from './run.ts';

const nightly = process.env.MYELIN_NIGHTLY === '1';
/** Without a lab and without rules that take seconds to load. */
const quick = ['bare-redirect-rr-vs-plain', 'bare-redirect-crr-vs-plain', 'plain-routing-forward-ns-vs-bare-redirect'];

describe('the lab suite', () => {
  it('sends traffic in every way that it measures, as the counters prove, and leaves nothing behind', { timeout: 300_000 }, async () => {
    const interfaces = readdirSync('/sys/class/net');
    const { measured } = await measureLab({ only: nightly ? null : quick, rounds: 1 });
    const failures = measured.flatMap((one) => ('reason' in one ? [`${one.name}: ${one.reason}`] : []));
    expect(failures).toEqual([]);
    expect(measured.map(({ name }) => name).toSorted()).toEqual((nightly ? resultPlans.map(({ name }) => name) : quick).toSorted());
    expect(readdirSync('/sys/class/net')).toEqual(interfaces);
    expect(readdirSync('/run/netns').filter((name) => /^(plain|bare|dropped)-/.test(name))).toEqual([]);
  });
});
