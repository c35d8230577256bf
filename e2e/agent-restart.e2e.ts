import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabClients } from '@myelin/tool-lab';
import { releases, unpackObjects } from '@myelin/tool-release';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropCounts } from './support/drop-counts.ts';
import { expectProbes } from './support/expect-probes.ts';
import { app, ciliumPolicy, namespace, networkPolicy, pod } from './support/manifests.ts';
import { sleep, type Talk, TestLab } from './support/test-lab.ts';

/** How often the agent is killed under traffic. */
const kills = process.env.MYELIN_NIGHTLY === '1' ? 20 : 1;
const patience = { timeout: 120_000 + 60_000 * kills };
const ports = [80, { containerPort: 53, protocol: 'UDP' as const }];
const lines = {
  'red/client -> red/server TCP 80': 'reply',
  'red/client -> red/server UDP 53': 'reply',
  'red/other -> red/server TCP 80': 'timeout',
  'red/other -> red/server ICMP': 'timeout',
  'outside -> red/server TCP 80': 'timeout',
  'node:node-1 -> red/server TCP 80': 'reply',
  'red/other -> outside TCP 80': 'reply',
  'red/server -> outside UDP 53': 'timeout',
} as const;
/** What the packets of those are counted under that get no answer here. */
const denials = ['Policy denied'];
let lab: TestLab;
/** The programs of the last release: the node begins with them, and the first agent that is started again brings this tree's (D6, D9). */
const released = mkdtempSync(join(tmpdir(), 'e2e-released-'));

beforeAll(async () => {
  unpackObjects(releases().at(-1)!, released);
  process.env.MYELIN_BPF_OBJECTS = released;
  lab = await TestLab.up(
    namespace('red'),
    pod('red/server', { ports }),
    pod('red/client', { ports }),
    pod('red/other', { ports }),
    networkPolicy('red/server', { podSelector: app('server'), ingress: [{ from: [{ podSelector: app('client') }] }] }),
    ciliumPolicy('red/server-egress', { endpointSelector: app('server'), egress: [{ toEndpoints: [{}] }] }),
  ).finally(() => delete process.env.MYELIN_BPF_OBJECTS);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  rmSync(released, { recursive: true });
});

/** Whether the node's agent runs with the release's programs. */
async function isReleased(): Promise<boolean> {
  const { pid } = (await lab.status()).nodes[0]!.agent;
  return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`MYELIN_BPF_OBJECTS=${released}`);
}

describe('an agent that is killed', () => {
  it('changes nothing for what flows and for what is denied, and a newer one adopts all of it when it comes back', patience, async () => {
    expect(await isReleased()).toBe(true);
    await expectProbes(lab, lines);
    const pods = (await lab.status()).pods;
    const flowing: Talk[] = ([4, 6] as const).flatMap((family) => [
      lab.talk('red/client', 'red/server', 'TCP', 80, family),
      lab.talk('red/client', 'red/server', 'UDP', 53, family),
      lab.talk('red/other', 'outside', 'TCP', 80, family),
    ]);
    const denied: Talk[] = ([4, 6] as const).map((family) => lab.talk('red/other', 'red/server', 'UDP', 53, family));
    try {
      await Promise.all(flowing.map((talk) => talk.flows()));
      const before = await dropCounts(lab, 'node-1', denials);
      for (let kill = 0; kill < kills; kill += 1) {
        await lab.must('fault', 'kill', 'node-agent:node-1');
        // Nobody is there to help: what is decided now is decided by the kernel alone.
        await expectProbes(lab, lines);
        await lab.must('fault', 'start', 'node-agent:node-1');
        await expectProbes(lab, lines);
        expect(await isReleased()).toBe(false);
      }
      await Promise.all(flowing.map((talk) => talk.flows()));
      // A connection would send a lost segment again, and answer all the same: the kernel's counters know.
      expect(await dropCounts(lab, 'node-1', denials)).toEqual(before);
      expect((await Promise.all(flowing.map((talk) => talk.finish()))).filter((fault) => fault !== null)).toEqual([]);
      expect(denied.map(({ replies }) => replies.length)).toEqual([0, 0]);
    } finally {
      await Promise.all([...flowing, ...denied].map((talk) => talk[Symbol.asyncDispose]()));
    }
    expect((await lab.status()).pods).toEqual(pods);
  });

  it('enforces after its return what was changed while it was away', async () => {
    using clients = new LabClients(lab.running);
    await lab.must('fault', 'kill', 'node-agent:node-1');
    const shut = networkPolicy('red/server', { podSelector: app('server') });
    await clients.policy().apply({ documents: [JSON.stringify(shut)] });
    await sleep(100);
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply' });
    await lab.must('fault', 'start', 'node-agent:node-1');
    await lab.apply(shut);
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'timeout', 'node:node-1 -> red/server TCP 80': 'reply' });
  });

  it('takes new pods again', async () => {
    await lab.apply(pod('red/late', { ports }));
    await expectProbes(lab, { 'red/client -> red/late TCP 80': 'reply', 'red/late -> red/server TCP 80': 'timeout' });
  });

  it('can’t be asked for anything while it is dead, and the command says so', async () => {
    await lab.must('fault', 'kill', 'node-agent:node-1');
    const { pods, nodes } = await lab.status();
    expect(nodes[0]!.agent).toMatchObject({ ready: false, pid: null });
    expect(new Set(pods.map(({ state }) => state))).toEqual(new Set(['unknown']));
    const result = await lab.run('apply', '--timeout', '1', '-f', lab.file([networkPolicy('red/more', { podSelector: {} })]));
    expect(result.status).toBe(3);
    expect(result.stderr).toMatch(/not enforced within 1 s: node node-1: NetworkPolicy red\/more: revision \d+\.\d+ is missing/);
    const late = await lab.run('apply', '--timeout', '1', '-f', lab.file([pod('red/too-late')]));
    expect(late.status).toBe(3);
    expect(late.stderr).toMatch(/not enforced within 1 s: node node-1: Pod red\/too-late: /);
    await lab.must('fault', 'start', 'node-agent:node-1');
    // What was stored is in force, and what is said again comes to its end.
    await lab.apply(pod('red/too-late'));
    await expectProbes(lab, { 'red/client -> red/too-late TCP 80': 'timeout' });
    await lab.delete(networkPolicy('red/more', { podSelector: {} }));
    await expectProbes(lab, { 'red/client -> red/too-late TCP 80': 'reply' });
  });
});
