import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BpfMap } from '@myelin/bpf-native';
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

/** Takes an entry out of a table of the node's kernel, as nothing of ours would; returns how to put it back. */
async function damage(table: string): Promise<() => void> {
  const map = BpfMap.openPinned(join(lab.running.paths.bpf, 'node-1', 'maps', table));
  const { keySize, valueSize } = map.info;
  const nothing = Buffer.alloc(valueSize);
  for await (const { count, keys, values } of map.batches()) {
    for (let at = 0; at < count; at++) {
      const key = Buffer.from(keys.subarray(at * keySize, (at + 1) * keySize));
      const value = Buffer.from(values.subarray(at * valueSize, (at + 1) * valueSize));
      // Buckets of an array are there even when they are empty.
      if (value.equals(nothing) && table === 'policy_entries') continue;
      if (table === 'policy_entries') map.update(key, nothing);
      else map.delete(key);
      return () => {
        map.update(key, value);
        map.close();
      };
    }
  }
  throw new Error(`${table} is empty`);
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

  it.each(['policy_entries', 'prefixes_v4', 'prefixes_v6'])('names what is missing in the kernel’s table %s', async (table) => {
    const mend = await damage(table);
    const { status, deviations } = receipt();
    mend();
    expect(status).toBe(1);
    expect(deviations).not.toEqual([]);
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
