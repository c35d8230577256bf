import { execFileSync } from 'node:child_process';
import type { AllocateRequest, EndpointClaim, KnownRow, Session } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, startNats, startRedis } from '@myelin/service/testing';
import { NatsLink, type StreamBatch, StreamConsumer, type StreamKind } from '@myelin/state-stream';
import { blockCommands, startAllocator, type TestedAllocator } from './allocator.ts';

/** Real stores of one test, and what runs on them. */
export class TestedCluster {
  readonly redis: ChildServer;
  readonly nats: ChildServer;
  readonly #cleanUp: (() => Promise<unknown>)[];

  private constructor(redis: ChildServer, nats: ChildServer) {
    this.redis = redis;
    this.nats = nats;
    this.#cleanUp = [() => redis.stop(), () => nats.stop()];
  }

  static async start(): Promise<TestedCluster> {
    return new TestedCluster(...(await Promise.all([startRedis(), startNats()])));
  }

  async stop(): Promise<void> {
    for (const act of this.#cleanUp.reverse()) await act();
  }

  /** Runs a command on Redis and returns what it prints. */
  redisCli(...args: string[]): string {
    return execFileSync('redis-cli', ['-p', `${this.redis.port}`, ...args], { encoding: 'utf8' }).trim();
  }

  giveBlocks(node: string, ...cidrs: string[]): void {
    for (const command of blockCommands(node, cidrs)) this.redisCli(...command);
  }

  /** A further replica of the allocator. */
  async startAllocator(...flags: string[]): Promise<TestedAllocator> {
    const allocator = await startAllocator(this.redis, this.nats, flags);
    this.#cleanUp.push(() => allocator.stop());
    return allocator;
  }

  /**
   * A node with a block of each family, registered, and a short way to speak for it. Visible to its peers at once, as if it had applied all that there is without having reported it; `isVisible` false: as it comes.
   */
  async startNode({ client }: TestedAllocator, number: number, { isVisible = true }: { readonly isVisible?: boolean } = {}) {
    const node = `n${number}`;
    const podCidrs = [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`];
    this.giveBlocks(node, ...podCidrs);
    const register = async () => {
      const { registration, revision, continued, present } = await client.registerNode({
        name: node,
        uid: `uid-${node}`,
        addresses: [`192.168.0.${number}`],
        podCidrs,
      });
      if (!present) session = { registration, counter: 0n };
      if (present || revision !== undefined || !isVisible) return { registration, revision, continued, present };
      this.redisCli('HSET', `myelin:identity:node:${node}`, 'behind', '0 0 0 0 0 0');
      return { registration, revision: await activate(), continued, present };
    };
    const activate = async () => (await client.activateNode({ node, session })).revision!;
    let session: Session;
    const { registration } = await register();
    const request = (uid: string, labels: string[], addresses: string[], counter = 0n): AllocateRequest => ({
      node,
      session: { ...session, counter },
      endpointUid: uid,
      namespace: 'shop',
      name: `pod-${uid}`,
      labels,
      addresses,
      claimed: 0,
    });
    const report = (at: TestedAllocator['client'], identityRevision: Revision, endpointRevision?: Revision, nodeRevision?: Revision) =>
      at.reportApplied({ node, session, identityRevision, endpointRevision, nodeRevision });
    const present = (claims: EndpointClaim[], rows: KnownRow[] = []) => client.presentState({ node, rows, claims, last: true });
    return {
      node,
      podCidrs,
      present,
      activate,
      registration,
      register,
      session: () => session,
      report,
      request,
      allocate: (...args: Parameters<typeof request>) => client.allocate(request(...args)),
      moveAddresses: (uid: string, identity: number, counter = 0n) =>
        client.moveAddresses({ node, session: { ...session, counter }, endpointUid: uid, identity }),
      release: (uid: string, counter = 0n, keep = 0) => client.release({ node, session: { ...session, counter }, endpointUid: uid, keep }),
    };
  }

  /** The table that a consumer of a stream ends up with, and the keys of all rows that were removed. */
  consume<Row>(kind: StreamKind<Row>) {
    const readiness = new Readiness();
    const link = new NatsLink({ url: this.nats.url, name: 'test', security: 'insecure', log: silentLog, readiness });
    const rows = new Map<string, Row>();
    const removals: string[] = [];
    const onBatch = ({ changed, removed }: StreamBatch<Row>) => {
      for (const { key, row } of changed) rows.set(key, row);
      for (const { key } of removed) rows.delete(key);
      removals.push(...removed.map(({ key }) => key));
    };
    const consumer = new StreamConsumer({ kind, link, log: silentLog, readiness, onBatch });
    const lifecycle = new Lifecycle([link, consumer], { log: silentLog, stopDeadlineMs: 5000 });
    this.#cleanUp.push(() => lifecycle.stop());
    void lifecycle.start();
    return { rows, removals, consumer };
  }
}

/** Two label sets. */
export const web = ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'];
export const db = ['k8s:app=db', 'k8s:io.kubernetes.pod.namespace=shop'];
