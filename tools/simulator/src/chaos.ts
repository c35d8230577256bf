import { Random } from './random.ts';
import { Violation } from './schedule.ts';
import { type Mutation, World } from './world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const keys = ['a', 'b', 'c', 'd', 'e'];

/** How long a run is. */
const stepsOfFaults = 400;
const stepsToRest = 6000;

/** What a run came to: `violation` null where every property held. `trace`: all that happened. */
export interface Run {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly trace: readonly string[];
}

/** Runs one seed: changes, deliveries in any order, crashes, pauses, losses; then everything is left alone and must come to rest, equal. */
export function runSeed(seed: number, mutation: Mutation = {}): Run {
  const random = new Random(seed);
  const world = new World(mutation);
  try {
    // Some runs meet everything, others little: what needs a long quiet life is met there.
    const restlessness = random.pick([0.02, 0.06, 0.15]);
    for (let i = 0; i < stepsOfFaults; i++)
      if (random.chance(restlessness)) disturb(world, random);
      else proceed(world, random, random.chance(0.05));
    comeToRest(world, random);
    return { seed, violation: null, trace: world.trace };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { seed, violation: error, trace: world.trace };
  }
}

/** One step of ordinary life. */
function proceed(world: World, random: Random, letsTimePass: boolean): void {
  if (random.chance(0.15)) {
    const value = random.chance(0.4) ? null : `${random.below(100)}`;
    random.pick(world.replicas).wishes.push({ key: random.pick(keys), value });
  }
  const possible = world.possible();
  if (possible.length > 0 && !letsTimePass) random.pick(possible)();
  else pass(world);
}

function pass(world: World): void {
  const nextMs = world.nextMs();
  world.pass(Number.isFinite(nextMs) ? nextMs - world.nowMs : minuteMs);
}

function disturb(world: World, random: Random): void {
  const disturbances: readonly (readonly [weight: number, act: () => unknown])[] = [
    [6, () => world.waiting.length > 0 && world.timeOut(random.pick(world.waiting))],
    [3, () => world.drop()],
    [3, () => world.crash(random.pick(world.processes))],
    [6, () => world.pause(random.pick(world.processes), random.pick([1000, 5000, minuteMs, 2 * hourMs]))],
    [2, () => world.wipeNats()],
    [1, () => world.wipeRedis()],
    [2, () => world.redis.isRecovering && world.acceptEmpty()],
    // A long time in which little happens.
    [2, () => world.pass(random.pick([minuteMs, 40 * minuteMs, hourMs + minuteMs]))],
  ];
  let left = random.next() * disturbances.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of disturbances) {
    left -= weight;
    if (left >= 0) continue;
    act();
    return;
  }
}

/** Leaves everything alone until all is equal, then for two hours more: no tombstone is left behind by then, and still all is equal. */
export function comeToRest(world: World, random: Random): void {
  for (const process of world.processes) world.resume(process);
  settle(world, random);
  world.checkRest();
  for (let i = 0; i < 3; i++) {
    world.pass(hourMs);
    settle(world, random);
  }
  world.checkRest();
}

/** Goes on, without faults, until all is at rest. */
function settle(world: World, random: Random): void {
  let quiet = 0;
  for (let i = 0; i < stepsToRest; i++) {
    if (world.redis.isRecovering && random.chance(0.01)) world.acceptEmpty();
    const possible = world.possible();
    if (possible.length > 0) random.pick(possible)();
    else pass(world);
    // For a while: what is at rest at first sight may yet find that something was lost.
    quiet = world.isAtRest ? quiet + 1 : 0;
    if (quiet > 200) return;
  }
  throw new Violation(
    `it does not come to rest: outbox ${world.redis.outboxLength}, Redis at ${world.redis.revision.incarnation}.${world.redis.revision.counter}`,
  );
}
