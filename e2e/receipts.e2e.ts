import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BpfMap } from '@myelin/bpf-native';
import { policyCodec } from '@myelin/datapath-layout';
import { readConfig } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const ports = [80];
const ranges = {
  from: [{ ipBlock: { cidr: '198.51.100.0/24', except: ['198.51.100.128/25'] } }],
  ports: [{ protocol: 'TCP', port: 80, endPort: 90 }],
};
const policy = (...ingress: readonly unknown[]) => networkPolicy('red/server', { podSelector: app('server'), ingress });
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red', {}),
    pod('red/server', { ports }),
    pod('red/client', { ports }),
    policy({ from: [{ podSelector: app('client') }] }, ranges),
  );
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** Runs the `myelin` command of people and scripts. */
function myelin(...words: readonly string[]) {
  const program = join(readConfig().projectRoot, 'apps/cli/dist/main.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words, '--run-dir', lab.running.paths.run], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** What `policy verify` says of the node. */
function receipt() {
  const { status, stdout } = myelin('policy', 'verify', '-o', 'json');
  const { nodes } = JSON.parse(stdout) as { nodes: { node: string; deviations: { subject: number; about: string; found: string }[] }[] };
  return { status, deviations: nodes[0]!.deviations };
}

const table = (name: string) => BpfMap.openPinned(join(lab.running.paths.bpf, 'node-1', 'maps', name));

/** The entries of a table, copied. */
async function* entriesOf(map: BpfMap): AsyncGenerator<{ readonly key: Buffer; readonly value: Buffer }> {
  const { keySize, valueSize } = map.info;
  for await (const { count, keys, values } of map.batches())
    for (let at = 0; at < count; at++)
      yield {
        key: Buffer.from(keys.subarray(at * keySize, (at + 1) * keySize)),
        value: Buffer.from(values.subarray(at * valueSize, (at + 1) * valueSize)),
      };
}

/** First bucket with entries of a policy in use. Those that a policy has given back keep their bytes until another one needs them. */
async function usedBucket(): Promise<number> {
  const [policies, buckets] = [table('policies'), table('policy_entries')];
  try {
    for await (const { value } of entriesOf(policies)) {
      const { first, buckets: count } = policyCodec.read(value);
      for (let index = first; index < first + count; index++) if (buckets.lookup(indexKey(index))!.some((byte) => byte !== 0)) return index;
    }
  } finally {
    policies.close();
    buckets.close();
  }
  throw new Error('no policy has an entry');
}

function indexKey(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

/** Takes an entry out of a table of the node's kernel, as nothing of ours would; returns how to put it back. */
async function damage(name: string, wanted?: Buffer): Promise<() => void> {
  const map = table(name);
  const isArray = name === 'policy_entries';
  const key = wanted ?? (isArray ? indexKey(await usedBucket()) : (await entriesOf(map).next()).value!.key);
  const value = map.lookup(key)!;
  if (isArray) map.update(key, Buffer.alloc(map.info.valueSize));
  else map.delete(key);
  return () => {
    map.update(key, value);
    map.close();
  };
}

describe('a receipt', () => {
  it('says that every node’s kernel holds what was compiled, at the newest revision and at one before', async () => {
    expect(myelin('policy', 'wait').status).toBe(0);
    const { stdout } = myelin('policy', 'list', '-o', 'json');
    const { incarnation, counter } = (JSON.parse(stdout) as { revision: { incarnation: string; counter: string } }).revision;
    await lab.apply(policy({ from: [{ podSelector: app('client') }] }));
    expect(myelin('policy', 'verify', '--revision', `${incarnation}.${counter}`).status).toBe(0);
    expect(receipt()).toEqual({ status: 0, deviations: [] });
    await lab.apply(policy({ from: [{ podSelector: app('client') }] }, ranges));
    expect(receipt()).toEqual({ status: 0, deviations: [] });
  });

  it.each(['policy_entries', 'prefixes_v4', 'prefixes_v6'])('names what is missing in the kernel’s table %s', async (name) => {
    const mend = await damage(name);
    const { status, deviations } = receipt();
    mend();
    expect(status).toBe(1);
    expect(deviations).not.toEqual([]);
    expect(receipt()).toEqual({ status: 0, deviations: [] });
  });

  it.each([
    ['0.0.0.0/0', 'prefixes_v4', 8],
    ['::/0', 'prefixes_v6', 20],
  ] as const)('names the missing row of %s, which no policy does', async (everything, name, keySize) => {
    const mend = await damage(name, Buffer.alloc(keySize));
    const { status, deviations } = receipt();
    mend();
    expect(status).toBe(1);
    expect(deviations).toMatchObject([{ about: `addresses in ${everything}`, found: 'no entry: unknown' }]);
    expect(receipt()).toEqual({ status: 0, deviations: [] });
  });

  it('can’t be had of a revision that nobody gave, nor of words', () => {
    expect(myelin('policy', 'verify', '--revision', '99999999999999.1')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/there is no revision 99999999999999.1 yet: the newest is/),
    });
    expect(myelin('policy', 'wait', '--revision', 'newest')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/expected INCARNATION.COUNTER/),
    });
  });

  it('says which node is late and what it has, when its agent is dead', async () => {
    await lab.must('fault', 'kill', 'node-agent:node-1');
    const wait = myelin('policy', 'wait', '--timeout', '1');
    expect(wait).toMatchObject({ status: 3, stderr: expect.stringMatching(/is not enforced within 1 s on: node-1/) });
    expect(myelin('policy', 'verify', '--timeout', '1')).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/node-1 +not comparable/),
    });
    await lab.must('fault', 'start', 'node-agent:node-1');
    expect(receipt()).toEqual({ status: 0, deviations: [] });
  });
});
