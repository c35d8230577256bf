import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Endpoint, MonitorRequest } from '@myelin/contracts/agent';
import { DropReason, type Flow, IPVersion } from '@myelin/contracts/flow';
import { eventually } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addresses, LoneNode } from './testing/lone-node.ts';
import { inPod } from './testing/pod-traffic.ts';

const closed = JSON.stringify({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'closed', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [] },
});
const [v4, v6] = [0, 1] as const;

let node: LoneNode;
let web: Endpoint;
let client: Endpoint;

beforeAll(async () => {
  node = await LoneNode.create();
  await node.startAgent();
  const create = async (name: string) => (await node.agent().createEndpoint({ spec: node.pod(name) })).endpoint!;
  [web, client] = await Promise.all([create('web'), create('client')]);
  await node.policies().apply({ documents: [closed] });
  await eventually(async () => (await node.agent().listEndpoints({})).endpoints.some(({ ingressIsolated }) => ingressIsolated));
});
afterAll(() => node?.close());

async function lastFlows(filter: Partial<MonitorRequest>): Promise<Flow[]> {
  const flows: Flow[] = [];
  for await (const { flow } of node.agent().monitor(MonitorRequest.fromPartial({ last: 8192, ...filter }))) {
    if (flow !== undefined) flows.push(flow);
  }
  return flows;
}
const droppedFor = async (reason: DropReason) =>
  (await lastFlows({ verdicts: ['DROPPED'] })).filter((flow) => flow.dropReasonDesc === reason);

/** How many packets a flow stands for, as its summary says. */
const packetsOf = ({ Summary }: Flow) => 1 + Number(/and (\d+) more/.exec(Summary)?.[1] ?? 0);

/** Packets dropped for a reason, by the node's own metric. */
function dropCount(reason: string): number {
  const script = "fetch('http://127.0.0.1:9090/metrics').then((response) => response.text()).then(console.log)";
  const lines = node.exec(process.execPath, '-e', script).split('\n');
  const line = lines.find((text) => text.startsWith('myelin_drop_count_total') && text.includes(`reason="${reason}"`));
  return Number(/\} (\d+)/.exec(line ?? '')?.[1] ?? 0);
}

describe('a pod that sends with another pod’s address', () => {
  const packets = 2000;
  beforeAll(() => {
    const { netns } = client.spec!;
    for (const address of web.addresses) inPod(netns, 'ip', 'addr', 'add', address, 'dev', 'eth0', 'nodad');
    inPod(netns, 'ping', '-q', '-I', web.addresses[v4]!, '-l', String(packets), '-c', String(packets), '-W', '1', addresses.outside[v4]);
    inPod(netns, 'ping', '-q', '-I', web.addresses[v6]!, '-c', '1', '-W', '1', addresses.outside[v6]);
    for (const address of web.addresses) inPod(netns, 'ip', 'addr', 'delete', address, 'dev', 'eth0');
  });

  it('is shown itself, with the address that it claims, in both families', async () => {
    const flows = await droppedFor(DropReason.INVALID_SOURCE_IP);
    for (const address of web.addresses) {
      const flow = flows.find(({ IP }) => IP?.source === address);
      expect(flow?.source).toMatchObject({
        podName: 'client',
        ID: client.slot,
        identity: client.identity,
        labels: expect.arrayContaining(['k8s:app=client']),
      });
      expect(flow?.destination?.labels).toContain(`reserved:world-ipv${flow?.IP?.ipVersion === IPVersion.IPv4 ? 4 : 6}`);
      expect(flow?.isReply).toBeUndefined();
    }
    expect(flows.filter(({ source }) => source?.podName === 'web')).toEqual([]);
  });

  it('D7: fills neither ring buffer nor log, and every packet is told within a second', async () => {
    await sleep(1000);
    const flows = await droppedFor(DropReason.INVALID_SOURCE_IP);
    const told = flows.reduce((sum, flow) => sum + packetsOf(flow), 0);
    expect(told).toBe(dropCount('Source ip'));
    expect(told).toBeGreaterThan(packets);
    expect(flows.length).toBeLessThan(packets / 4);
  });
});

describe('monitor', () => {
  it('gives the last events and those that follow without a gap or a duplicate, whenever it begins', async () => {
    const [first, last] = [2000, 3500];
    const ports = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const script = join(import.meta.dirname, 'testing', 'datagrams.ts');
    // Flows that are let through: of denied ones a pod has so many records in a tick only.
    const words = [`--net=${client.spec!.netns}`, '--', process.execPath, script, addresses.outside[v4], String(first), String(last)];
    const sender = spawn('nsenter', words, { stdio: 'inherit' });
    const ended = once(sender, 'exit');
    const follow = async (delayMs: number): Promise<number[]> => {
      await sleep(delayMs);
      const seen: number[] = [];
      const request = MonitorRequest.fromPartial({ last: 8192, follow: true, verdicts: ['FORWARDED'], pods: ['shop/client'] });
      for await (const { flow, lost } of node.agent().monitor(request)) {
        expect(lost).toBe(0n);
        const layer4 = flow?.l4?.protocol;
        if (layer4?.$case === 'UDP') seen.push(layer4.value.destinationPort);
        if (seen.at(-1) === last) break;
      }
      return seen;
    };
    const followers = await Promise.all(Array.from({ length: 5 }, (_, index) => follow(index * 150)));
    await ended;
    for (const seen of followers) expect(seen).toEqual(ports);
  });
});
