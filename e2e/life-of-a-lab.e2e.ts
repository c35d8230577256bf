import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { leftovers, networkOf } from './support/leftovers.ts';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { sleep, TestLab } from './support/test-lab.ts';

const labs: TestLab[] = [];
const keep = (lab: TestLab) => {
  labs.push(lab);
  return lab;
};
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab[Symbol.asyncDispose]()));
});

/** Resolves when there are this many traces of a lab that is just starting. */
async function untilThereIs(count: number, { config }: TestLab): Promise<void> {
  while (leftovers(config).length < count) await sleep(2);
}

const manifests = [namespace('red'), pod('red/server'), pod('red/client'), networkPolicy('red/none', { podSelector: app('client') })];

describe('down', () => {
  /** How much there is of a lab when its `up` is killed: a whole one of these manifests has some 25 namespaces, mounts, processes and folders. */
  const stages = process.env.MYELIN_NIGHTLY === '1' ? Array.from({ length: 40 }, (_, index) => 1 + Math.floor(index / 2)) : [2, 9, 18];

  it('removes whatever there is of an up that was killed, at any moment', { timeout: 60_000 + 30_000 * stages.length }, async () => {
    // One that no other test adds links to: no lab touches what it takes for the machine's own.
    const machine = `e2e-machine-${process.pid}`;
    execFileSync('ip', ['netns', 'add', machine]);
    onTestFinished(() => void execFileSync('ip', ['netns', 'delete', machine]));
    const network = networkOf(machine);
    for (const stage of stages) {
      const lab = keep(new TestLab({ namespace: machine }));
      const up = lab.start({}, 'up', lab.file(manifests));
      await untilThereIs(stage, lab);
      up.kill();
      await up.result;
      expect(await lab.run('down')).toMatchObject({ status: 0, stderr: '' });
      expect(leftovers(lab.config), `killed when there were ${stage} things`).toEqual([]);
    }
    expect(networkOf(machine)).toBe(network);
  });

  it('ends an up that still runs', async () => {
    const lab = keep(new TestLab());
    const up = lab.start({}, 'up', lab.file(manifests));
    await untilThereIs(8, lab);
    expect(await lab.run('down')).toMatchObject({ status: 0, stderr: '' });
    expect((await up.result).status).not.toBe(0);
    expect(leftovers(lab.config)).toEqual([]);
  });

  it('needs no state file, is success where nothing is, and can be said twice', async () => {
    const lab = keep(await TestLab.up(...manifests));
    rmSync(lab.running.paths.state);
    for (let time = 0; time < 2; time += 1) {
      expect(await lab.run('down')).toMatchObject({ status: 0, stderr: '' });
      expect(leftovers(lab.config)).toEqual([]);
    }
  });
});

describe('an interrupted lab', () => {
  it('is not used, and the commands say what to do', async () => {
    const lab = keep(new TestLab());
    const up = lab.start({}, 'up', lab.file(manifests));
    await untilThereIs(8, lab);
    up.kill();
    await up.result;
    for (const words of [['status'], ['up', lab.file(manifests)]]) {
      const { status, stderr } = await lab.run(...words);
      expect(status).toBe(1);
      expect(stderr).toMatch(/down/);
    }
    await lab.must('down');
    await lab.must('up', lab.file(manifests));
  });
});

describe('two labs side by side', () => {
  it('have the same names and addresses, and nothing to do with each other', async () => {
    const [open, closed] = await Promise.all([
      TestLab.up(namespace('red'), pod('red/server'), pod('red/client')),
      TestLab.up(namespace('red'), pod('red/server'), pod('red/client'), networkPolicy('red/deny', { podSelector: app('server') })),
    ]).then((both) => both.map(keep));
    const addresses = await Promise.all(
      [open!, closed!].map(async (lab) => (await lab.status()).pods.flatMap((each) => each.addresses).sort()),
    );
    expect(addresses[0]).toEqual(addresses[1]);
    await Promise.all([
      expectProbes(open!, { 'red/client -> red/server TCP 80': 'reply', 'outside -> red/server ICMP': 'reply' }),
      expectProbes(closed!, { 'red/client -> red/server TCP 80': 'timeout', 'outside -> red/server ICMP': 'timeout' }),
    ]);
    await closed!.must('down');
    await expectProbes(open!, { 'red/client -> red/server TCP 80': 'reply', 'red/client -> outside UDP 80': 'reply' });
  });
});
