import { type ExchangeRequest, startTraffic } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, namespace, networkPolicy, node, pod } from './support/manifests.ts';
import { bothFamilies, TestLab } from './support/test-lab.ts';

/** SIGKILLs of each process under traffic. */
const rounds = process.env.MYELIN_NIGHTLY === '1' ? 20 : 1;
const patience = { timeout: 120_000 + 90_000 * rounds };
const killed = ['node-agent:node-1', 'policy-compiler', 'identity-allocator-2', 'redis', 'nats'];
const processes = ['redis', 'policy-compiler', 'node-agent:node-1'];
const ports = [80, { containerPort: 80, protocol: 'UDP' as const }];
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.upWith(
    ['--replicas', '2'],
    namespace('red'),
    node('node-1'),
    pod('red/server', { ports }),
    pod('red/client', { ports }),
  );
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const outside = bothFamilies({ from: 'node:node-1', to: 'outside', port: 80, protocol: 'TCP' });
const errors = async () => (await lab.probe(...outside)).map(({ error }) => error);

describe('a fault', () => {
  it('of the network keeps two ends apart until it is healed', async () => {
    expect(await errors()).toEqual([null, null]);
    await lab.must('fault', 'partition', 'node-1', 'outside');
    expect(await errors()).toEqual(['timeout', 'timeout']);
    await lab.must('fault', 'heal');
    expect(await errors()).toEqual([null, null]);
    await lab.must('fault', 'loss', 'outside', '100');
    expect(await errors()).toEqual(['timeout', 'timeout']);
    await lab.must('fault', 'heal');
    expect(await errors()).toEqual([null, null]);
  });

  it.each(processes)('ends %s, and starts it again until it is ready', async (name) => {
    await lab.must('fault', 'kill', name);
    expect(await lab.run('fault', 'stop', name)).toMatchObject({ status: 1, stderr: expect.stringContaining(`fault start ${name}`) });
    expect((await lab.must('fault', 'start', name)).stderr).toMatch(/is ready after \d+ ms/);
    expect((await lab.run('fault', 'start', name)).status).toBe(1);
  });

  it('pauses a process and lets it go on; pods that run notice neither this nor all that came before', async () => {
    await lab.must('fault', 'stop', 'policy-compiler');
    await lab.must('fault', 'cont', 'policy-compiler');
    await lab.apply(pod('red/late'));
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'red/late -> red/server TCP 80': 'reply' });
  });

  it('of anything loses no packet of what is allowed, cuts no connection, and lets nothing through that is denied', patience, async () => {
    await lab.apply(networkPolicy('red/closed', { podSelector: app('closed') }), pod('red/closed'));
    const protocols = ['TCP', 'UDP', 'ICMP'] as const;
    const requests = protocols.flatMap((protocol) =>
      ([4, 6] as const).flatMap((family): ExchangeRequest[] => [
        { from: 'red/client', to: 'red/server', protocol, port: 80, family, expect: 'reply' },
        { from: 'red/client', to: 'red/closed', protocol, port: 80, family, expect: 'none' },
      ]),
    );
    const traffic = await startTraffic(lab.running, requests);
    for (let round = 0; round < rounds; round++) {
      for (const name of killed) {
        await lab.must('fault', 'kill', name);
        await lab.must('fault', 'start', name);
      }
    }
    const faults = (await traffic.finish()).filter(({ fault }) => fault !== null);
    expect(faults).toEqual([]);
  });

  it('of something that isn’t there is refused, with what there is', async () => {
    expect((await lab.run('fault', 'kill', 'node-agent:node-2')).stderr).toMatch(
      /one of redis, nats, .*, node-agent:node-1; did you mean "node-agent:node-1"\?/,
    );
    expect((await lab.run('fault', 'partition', 'node-1', 'moon')).stderr).toMatch(/one of node:node-1, control, outside/);
    expect((await lab.run('fault', 'partition', 'control', 'outside')).stderr).toMatch(/don’t reach each other anyway/);
  });
});
