import { comeToRest } from '../chaos.ts';
import type { Follower } from '../follower.ts';
import type { Process } from '../machine.ts';
import { Random } from '../random.ts';
import type { Replica } from '../replica.ts';
import { type Mutation, World } from '../world.ts';

const stepsAtMost = 5000;

/** A world that goes on only where it is told to: whoever isn't named stands still, however long. */
export class Scenario {
  readonly world: World;
  /** Replicas. */
  readonly a: Replica;
  readonly b: Replica;
  /** Followers. */
  readonly x: Follower;
  readonly y: Follower;

  constructor(mutation: Mutation) {
    this.world = new World(mutation);
    [this.a, this.b] = this.world.replicas as [Replica, Replica];
    [this.x, this.y] = this.world.followers as [Follower, Follower];
  }

  /** Lets these go on until something is so. */
  until(processes: readonly Process[], isSo: () => boolean): void {
    for (let i = 0; i < stepsAtMost; i++) {
      if (isSo()) return;
      const [act] = this.world.possible(processes);
      if (act !== undefined) act();
      else this.world.pass(this.world.nextMs(processes) - this.world.nowMs);
    }
    throw new Error(`the scenario does not get there:\n${this.world.trace.slice(-40).join('\n')}`);
  }

  /** Lets the replica go on until its relay is about to do something. */
  untilAbout(replica: Replica, deed: Replica['relay']['state']['does']): void {
    this.until([replica], () => replica.relay.state.does === deed);
  }

  /** Lets the follower take all that there is to read, for a few looks at what buckets there are. */
  untilIdle(follower: Follower): void {
    const endMs = this.world.nowMs + 15_000;
    this.until([follower], () => this.world.nowMs >= endMs);
  }

  /** Lets the replica publish all that waits, and these followers take it. */
  publish(replica: Replica, ...followers: Follower[]): void {
    const { redis } = this.world;
    this.until(
      [replica, ...followers],
      () =>
        replica.wishes.length === 0 &&
        redis.incarnation !== null &&
        redis.outboxLength === 0 &&
        replica.relay.state.does === 'fetch' &&
        followers.every(
          ({ delivery: { handled } }) => handled?.incarnation === redis.revision.incarnation && handled.counter === redis.revision.counter,
        ),
    );
  }

  /** Lets the replica look for tombstones that are old: the time of what it has published counts from here. */
  sweep(replica: Replica): void {
    this.world.pass(60_000);
    this.untilAbout(replica, 'list expired');
    this.until([replica], () => replica.relay.state.does !== 'list expired');
  }

  /** Rows "key=value", or "key" to remove it, changed in this order by a replica; nothing is published by that. */
  change(replica: Replica, ...rows: string[]): void {
    for (const row of rows) {
      const [key, value] = row.split('=') as [string, string?];
      replica.wishes.push({ key, value: value ?? null });
    }
    const client: Process = { ...replica, machines: [replica.opening, replica.client], name: replica.name, restart: () => {} };
    const { redis } = this.world;
    const before = redis.revision;
    const isDone = () =>
      redis.revision.counter >= (redis.revision.incarnation === before.incarnation ? before.counter : 0n) + BigInt(rows.length);
    this.until([client], isDone);
  }

  pass(ms: number): void {
    this.world.pass(ms);
  }

  /** Everybody goes on, until all is at rest and equal, and for hours after that. */
  end(): void {
    comeToRest(this.world, new Random(1));
  }
}
