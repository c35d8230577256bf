import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { MonitorRequest } from '@myelin/contracts/agent';
import { Deadline, LabClients, type ProbeRequest, runProbes, untilAnswered } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, type Manifest, namespace, networkPolicy, pod } from './support/manifests.ts';
import { sleep, TestLab } from './support/test-lab.ts';

/** How often the agent is killed in the middle of an edit. */
const rounds = process.env.MYELIN_NIGHTLY === '1' ? 20 : 3;
const patience = { timeout: 120_000 + 45_000 * rounds };
const subjects = Array.from({ length: 10 }, (_, index) => `subject-${index}`);
const ports = [80, { containerPort: 53, protocol: 'UDP' as const }];

/** Each subject lets `steady` in and either `odd` or `even`: one edit swaps the two for all of them. */
const letIn = (which: 'odd' | 'even'): readonly Manifest[] =>
  subjects.map((subject) =>
    networkPolicy(`red/${subject}`, {
      podSelector: app(subject),
      ingress: [{ from: [{ podSelector: app('steady') }, { podSelector: app(which) }] }],
    }),
  );

let lab: TestLab;
beforeAll(async () => {
  const clients = ['steady', 'odd', 'even', 'stranger'].map((name) => pod(`red/${name}`, { ports }));
  lab = await TestLab.up(namespace('red'), ...clients, ...subjects.map((name) => pod(`red/${name}`, { ports })), ...letIn('odd'));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

/** Who reaches a subject now, over each family: 'odd 4', 'steady 6' … */
async function reached(): Promise<ReadonlyMap<string, string>> {
  const probes = subjects.flatMap((subject) =>
    ['steady', 'odd', 'even', 'stranger'].flatMap((from) =>
      ([4, 6] as const).map((family): ProbeRequest => ({ from: `red/${from}`, to: `red/${subject}`, port: 80, protocol: 'TCP', family })),
    ),
  );
  const outcomes = await runProbes(lab.running, probes);
  return new Map(
    subjects.map((subject) => {
      const replied = probes.filter(({ to }, index) => to === `red/${subject}` && outcomes[index]!.ok);
      return [subject, replied.map(({ from, family }) => `${from.slice('red/'.length)} ${family}`).join(', ')];
    }),
  );
}
const whole = (which: 'odd' | 'even') => `steady 4, steady 6, ${which} 4, ${which} 6`;

describe('an agent that is killed in the middle of an edit of many policies', () => {
  it(
    `leaves each subject before or after it, cuts nothing that both allow, and brings all to the end when it is back (D2, D9), ${rounds} times`,
    patience,
    async () => {
      using clients = new LabClients(lab.running);
      const flowing = ([4, 6] as const).flatMap((family) => [
        lab.talk('red/steady', 'red/subject-0', 'TCP', 80, family),
        lab.talk('red/steady', 'red/subject-1', 'UDP', 53, family),
      ]);
      const denied = ([4, 6] as const).map((family) => lab.talk('red/stranger', 'red/subject-1', 'UDP', 53, family));
      try {
        await Promise.all(flowing.map((talk) => talk.flows()));
        for (let round = 0; round < rounds; round += 1) {
          const after = round % 2 === 0 ? 'even' : 'odd';
          const { revision } = await clients.policy().apply({ documents: letIn(after).map((policy) => JSON.stringify(policy)) });
          // Before the state comes, while it is written, or after.
          await sleep(Math.random() * 20);
          await lab.must('fault', 'kill', 'node-agent:node-1');
          for (const [subject, who] of await reached()) expect([whole('odd'), whole('even')], subject).toContain(who);
          await lab.must('fault', 'start', 'node-agent:node-1');
          await lab.apply(...letIn(after));
          using deadline = new Deadline(10);
          const status = await untilAnswered(deadline, 'node-1', () => clients.agent('node-1').getStatus({}));
          expect(status.appliedPolicyRevision!.counter).toBeGreaterThanOrEqual(revision!.counter);
          expect([...new Set((await reached()).values())]).toEqual([whole(after)]);
        }
        await Promise.all(flowing.map((talk) => talk.flows()));
        expect(flowing.filter(({ ended }) => ended !== undefined).map(({ name }) => name)).toEqual([]);
        expect(denied.map(({ replies }) => replies.length)).toEqual([0, 0]);
      } finally {
        await Promise.all([...flowing, ...denied].map((talk) => talk[Symbol.asyncDispose]()));
      }
    },
  );
});

const statistics = '/proc/sys/kernel/bpf_stats_enabled';

/** How often the kernel has run the node's programs, as it counts itself while it is told to. */
function runs(): number {
  const { pid } = lab.running.state.nodes[0]!.agent!;
  const programs = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    let text = '';
    try {
      text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    } catch {
      continue; // closed meanwhile
    }
    const number = (name: string) => new RegExp(`^${name}:\\t(\\d+)$`, 'm').exec(text)?.[1];
    if (number('prog_type') !== undefined) programs.set(number('prog_id')!, Number(number('run_cnt')));
  }
  return [...programs.values()].reduce((sum, count) => sum + count, 0);
}

const ask = "fetch('http://127.0.0.1:9090/metrics').then((answer) => answer.text()).then(console.log)";

/** The node's metrics: packets that ended in some counter, and events that programs wanted to send. */
async function metrics() {
  const { stdout } = await lab.must('exec', 'node:node-1', '--', process.execPath, '-e', ask);
  const sum = (name: string) =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith(`myelin_${name}_total`))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return {
    packets: sum('forward_count') + sum('drop_count'),
    sent: sum('events_sent'),
  };
}

/** Follows the node's flows from now on. */
class Monitor implements AsyncDisposable {
  /** Flows that came, and events that were reported as lost. */
  told = 0;
  readonly #clients = new LabClients(lab.running);
  readonly #stopping = new AbortController();
  readonly #done = this.#follow();

  async #follow(): Promise<void> {
    const request = MonitorRequest.fromPartial({ follow: true });
    try {
      for await (const { flow, lost } of this.#clients.agent('node-1').monitor(request, { signal: this.#stopping.signal }))
        this.told += (flow === undefined ? 0 : 1) + Number(lost);
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#done;
    this.#clients[Symbol.dispose]();
  }
}

/** All of them at one moment: when no program has run, and nothing was told, for longer than losses wait to be told. */
async function whenQuiet(monitor: Monitor) {
  for (;;) {
    const before = { runs: runs(), told: monitor.told };
    await sleep(1100);
    const counted = await metrics();
    if (runs() === before.runs && monitor.told === before.told) return { ...counted, ...before };
  }
}

describe('under a mixed load', () => {
  const enabled = readFileSync(statistics, 'utf8');
  beforeAll(() => writeFileSync(statistics, '1'));
  afterAll(() => writeFileSync(statistics, enabled));

  it('every packet that a program saw is in exactly one counter, and every event sent arrived or is reported lost (D7)', async () => {
    await using monitor = new Monitor();
    const before = await whenQuiet(monitor);
    const places = ['red/steady', 'red/odd', 'red/stranger', 'red/subject-0', 'red/subject-1', 'node:node-1', 'outside'];
    const protocols = ['TCP', 'UDP', 'ICMP'] as const;
    const probes = Array.from(
      { length: 1000 },
      (_, index): ProbeRequest => ({
        from: places[index % places.length]!,
        to: index % 11 === 0 ? 'ip:10.244.0.200' : places[(index * 3 + 1) % places.length]!,
        port: [80, 53, 81][index % 3]!,
        protocol: protocols[(index >> 1) % 3]!,
        family: index % 11 === 0 || index % 2 === 0 ? 4 : 6,
      }),
    );
    await runProbes(lab.running, probes);
    await runProbes(lab.running, probes);
    const after = await whenQuiet(monitor);
    expect(after.runs - before.runs).toBeGreaterThan(2000);
    expect(after.packets - before.packets).toBe(after.runs - before.runs);
    expect(after.sent - before.sent).toBeGreaterThan(500);
    expect(after.told - before.told).toBe(after.sent - before.sent);
  });
});
