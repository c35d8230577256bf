import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { cgroupProcesses, makeCgroup } from '../machine/cgroup.ts';
import { ip } from '../machine/netns.ts';
import { labPaths, workloadSocket } from '../plan/paths.ts';
import type { ProbeJob } from '../plan/probes.ts';
import { createPlace } from './fabric.ts';
import { type Lab, openLab, setupIn, setupPlace, whereIs } from './lab.ts';
import { takeDown } from './teardown.ts';
import { openTalk, sendProbes, startWorkload, type WorkloadResult } from './workload.ts';

// One place of a lab that has nothing else: its loopback is network enough.
const outside = { kind: 'outside' } as const;
const { projectRoot } = readConfig();
const labDir = mkdtempSync(join(tmpdir(), 'lab-workload-'));
const lab: Lab = openLab({ projectRoot, labDir });
const where = whereIs(lab, outside);
const job = (protocol: ProbeJob['protocol'], address: string, port = 0): ProbeJob => ({ protocol, address, port });

beforeAll(async () => {
  const paths = labPaths(labDir);
  for (const folder of [paths.logs, dirname(workloadSocket(paths, outside))]) mkdirSync(folder, { recursive: true });
  makeCgroup(setupPlace(lab).cgroup);
  await createPlace(lab, outside);
  await startWorkload(lab, outside, { tcp: [9000], http: [8080], udp: [53] });
});
afterAll(async () => {
  await takeDown(lab);
  rmSync(labDir, { recursive: true, force: true });
});

describe('the test server', () => {
  it('answers over HTTP, plain TCP, UDP and ICMP in both families with its name and the client’s address', async () => {
    const addresses = ['127.0.0.1', '::1'];
    const jobs = addresses.flatMap((address) => [
      job('TCP', address, 8080),
      job('TCP', address, 9000),
      job('UDP', address, 53),
      job('ICMP', address),
    ]);
    const replies = (await sendProbes(lab, outside, jobs)).map(({ reply }) => reply);
    expect(replies).toEqual(
      addresses.flatMap((address) => [`outside ${address}`, `outside ${address}`, `outside ${address}`, `echo reply from ${address}`]),
    );
  });
  it('listens on no other port, and says refused', async () => {
    const results = await sendProbes(lab, outside, [job('TCP', '127.0.0.1', 81), job('UDP', '::1', 81)]);
    expect(results.map(({ ok, error, reply }) => ({ ok, error, reply }))).toEqual(
      Array(2).fill({ ok: false, error: 'refused', reply: null }),
    );
  });
  it('says unreachable where no route leads', async () => {
    const jobs = [job('TCP', '203.0.113.1', 80), job('UDP', '2001:db8::1', 80), job('ICMP', '203.0.113.1')];
    expect((await sendProbes(lab, outside, jobs)).map(({ error }) => error)).toEqual(Array(3).fill('unreachable'));
  });
});

describe('probes', () => {
  it('go out a thousand at once, all protocols, and all come back', async () => {
    const kinds = [job('TCP', '127.0.0.1', 8080), job('UDP', '::1', 53), job('ICMP', '127.0.0.1'), job('TCP', '::1', 9000)];
    const results = await sendProbes(
      lab,
      outside,
      Array.from({ length: 1000 }, (_, index) => kinds[index % kinds.length]!),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1000);
  });
  it('give up after a second, all together', async () => {
    // A neighbour that takes packets and never answers.
    await ip(setupIn(lab, outside), [
      'link add here type veth peer name there',
      'link set here up',
      'link set there up',
      'address add 192.0.2.1/24 dev here',
      'neighbour add 192.0.2.2 lladdr 02:00:00:00:00:01 nud permanent dev here',
    ]);
    const silent = [job('TCP', '192.0.2.2', 80), job('UDP', '192.0.2.2', 53), job('ICMP', '192.0.2.2')];
    const started = performance.now();
    const results = await sendProbes(
      lab,
      outside,
      Array.from({ length: 999 }, (_, index) => silent[index % silent.length]!),
    );
    // One after the other they would take a quarter of an hour.
    expect(performance.now() - started).toBeLessThan(5000);
    expect(results.every(({ error, ms }) => error === 'timeout' && ms >= 1000)).toBe(true);
  });
  it('can go on over one connection until they are stopped', async () => {
    const results: WorkloadResult[] = [];
    const talk = openTalk(lab, outside, job('TCP', '127.0.0.1', 9000), (result) => results.push(result));
    while (results.length < 5) await delay(5);
    await talk.stop();
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(new Set(results.map(({ sourcePort }) => sourcePort)).size).toBe(1);
  });
});

it('is one small process in the cgroup of its place', () => {
  const [pid, ...others] = cgroupProcesses(where.cgroup);
  expect(others).toEqual([]);
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  expect(Number(kilobytes)).toBeLessThan(16 * 1024);
});
