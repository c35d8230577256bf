import { LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import { Channel, clientOf, type RpcClient } from '@myelin/rpc';
import { Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, freePort, startNats, startRedis } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wire } from './wiring.ts';

type Client = RpcClient<typeof LoadBalancingServiceService>;

const service = (name: string, address: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: address, clusterIPs: [address], selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...more },
});
const slice = (name: string, of: string, addresses: readonly string[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address], nodeName: 'node-1' })),
  ports: [{ port: 8080 }],
});
const reference = (kind: string, name: string) => ({ kind, namespace: 'shop', name });

let redis: ChildServer;
let nats: ChildServer;
let replicas: readonly Client[];
const cleanUp: (() => Promise<unknown> | unknown)[] = [];

async function startController(): Promise<Client> {
  const port = await freePort();
  const context = { log: silentLog, metrics: new Metrics('test'), readiness: new Readiness() };
  const config = {
    listen: { host: '127.0.0.1', port },
    listenUnix: null,
    redis: redis.url,
    redisPasswordFile: null,
    nats: nats.url,
    ...{ tlsCa: null, tlsCert: null, tlsKey: null, insecure: true },
    metricsListen: { host: '127.0.0.1', port: 0 },
    metricsPrefix: 'myelin',
    logLevel: 'info' as const,
    stopDeadlineMs: 2000,
  };
  const lifecycle = new Lifecycle(wire(config, context), { log: silentLog, stopDeadlineMs: 2000 });
  await lifecycle.start(new AbortController().signal);
  const channel = new Channel('lb-controller', `ipv4:127.0.0.1:${port}`, 'insecure');
  cleanUp.push(
    () => context.metrics.close(),
    () => lifecycle.stop(),
    () => channel.close(),
  );
  return clientOf(LoadBalancingServiceService, channel);
}

const apply = async (client: Client, ...documents: readonly object[]) =>
  (await client.apply({ documents: documents.map((one) => JSON.stringify(one)) })).revision!;
const all = { namespace: '', name: '', revision: undefined };

beforeAll(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  cleanUp.push(
    () => redis.stop(),
    () => nats.stop(),
  );
  replicas = await Promise.all([startController(), startController()]);
  await Promise.all(replicas.map((client) => eventually(() => client.list(all))));
});
afterAll(async () => {
  for (const act of cleanUp.reverse()) await act();
});

describe('the load-balancing controller on real Redis and NATS, two replicas', () => {
  it('what one replica stores, both answer once they have reached its revision', async () => {
    const [one, other] = replicas as [Client, Client];
    await apply(one, service('web', '10.96.0.1'));
    const revision = await apply(other, slice('web-1', 'web', ['10.244.0.5', '10.244.0.6']));
    for (const client of [one, other]) {
      const { services } = await client.list({ namespace: 'shop', name: 'web', revision });
      expect(services).toHaveLength(1);
      expect(services[0]).toMatchObject({
        service: { name: 'web', clusterIps: ['10.96.0.1'], hasSelector: true, selector: [{ key: 'app', value: 'web' }] },
        frontends: ['10.96.0.1:80/TCP'],
        pools: [
          {
            name: 'shop/web:80/TCP/IPv4',
            backends: [
              { address: '10.244.0.5', port: 8080, state: 'ready', node: 'node-1' },
              { address: '10.244.0.6', port: 8080, state: 'ready', node: 'node-1' },
            ],
          },
        ],
      });
    }
  });

  it('stores nothing where one document is bad, and says what and where', async () => {
    const [one] = replicas as [Client];
    const before = await one.list(all);
    const bad = service('bad', '10.96.0.9', { sesionAffinity: 'None' });
    await expect(apply(one, service('good', '10.96.0.8'), bad)).rejects.toThrow(/document 2.*sesionAffinity.*sessionAffinity/s);
    await expect(apply(one, service('twice', '10.96.0.8'), service('twice', '10.96.0.8'))).rejects.toThrow(
      'Service/shop/twice is there twice',
    );
    await expect(
      apply(one, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { containers: [{ name: 'a', image: 'b' }] } }),
    ).rejects.toThrow('document 1: found kind Pod; expected Service or EndpointSlice');
    expect(await one.list(all)).toEqual(before);
  });

  it('a Service keeps its age when it is applied again: a younger one does not get its frontend', async () => {
    const [one] = replicas as [Client];
    const older = {
      ...service('old', '10.96.0.7'),
      metadata: { name: 'old', namespace: 'shop', creationTimestamp: '2020-01-01T00:00:00Z' },
    };
    const first = await apply(one, older, service('new', '10.96.0.7'));
    // Without its time of creation: what is stored counts, nothing differs, and the revision stays.
    expect(await apply(one, service('old', '10.96.0.7'))).toEqual(first);
    const { services } = await one.list({ namespace: 'shop', name: 'new', revision: first });
    expect(services[0]).toMatchObject({ frontends: [], taken: [{ frontend: '10.96.0.7:80/TCP', by: 'shop/old' }] });
  });

  it('says which objects were there to be deleted; what is left is what a replica that starts now answers, in the same bytes', async () => {
    const [one, other] = replicas as [Client, Client];
    await apply(one, slice('web-2', 'web', ['10.244.0.7']));
    const { deleted, revision } = await other.delete({
      objects: [reference('EndpointSlice', 'web-1'), reference('Service', 'old'), reference('Service', 'unknown')],
    });
    expect(deleted.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(['EndpointSlice web-1', 'Service old']);
    const fresh = await startController();
    const answers = await Promise.all([one, other, fresh].map((client) => eventually(() => client.list({ ...all, revision }))));
    expect(answers[0]!.services.map(({ service: of, frontends }) => [of?.name, frontends])).toEqual([
      ['new', ['10.96.0.7:80/TCP']],
      ['web', ['10.96.0.1:80/TCP']],
    ]);
    expect(answers[0]!.services[1]!.pools[0]!.backends.map(({ address }) => address)).toEqual(['10.244.0.7']);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});
