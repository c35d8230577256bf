/**
 * The process that measures: `node measure.ts <options as JSON>`, in network and mount namespaces of its own (see run.ts). Plain nodes go with it however it ends, the lab when it ends in order or is
 * asked to. Progress goes to stderr, the measurement as JSON to stdout.
 */
import { mkdirSync } from 'node:fs';
import { mountBpfFileSystem } from '@myelin/bpf-native';
import { run } from '@myelin/tool-lab';
import { measuringCpu } from '../isolated.ts';
import { OtherLoad } from '../other-load.ts';
import type { Measured, Measurement } from '../result.ts';
import { bpffs } from './attachment.ts';
import { WayEvidence } from './evidence.ts';
import {
  type Costs,
  comparisonsOf,
  medianCosts,
  type ResultPlan,
  ratioSpread,
  resultPlans,
  type TrafficKind,
  timeOf,
  type WayName,
} from './results.ts';
import type { LabOptions } from './run.ts';
import { sendTraffic } from './traffic.ts';
import { type Way, Ways } from './ways.ts';

/** Of each kind in a round, for each of its ways. */
const millisecondsOf: Readonly<Record<TrafficKind, number>> = { rr: 150, crr: 200, bulk: 150, udp: 100 };

const roundsOfProgress = 5;

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/** One kind of traffic, in the ways that results ask for. */
class Comparison {
  readonly kind: TrafficKind;
  readonly plans: readonly ResultPlan[];
  /** What each way took, by round. */
  readonly rounds: Costs[] = [];
  readonly evidence: ReadonlyMap<WayName, WayEvidence>;
  readonly #ways: readonly Way[];

  constructor(kind: TrafficKind, plans: readonly ResultPlan[], ways: readonly Way[]) {
    this.kind = kind;
    this.plans = plans;
    this.#ways = ways;
    this.evidence = new Map(ways.map(({ name }) => [name, new WayEvidence(name, kind)]));
  }

  async round(): Promise<void> {
    const before = await Promise.all(this.#ways.map((way) => way.read()));
    const ends = new Map(this.#ways.map(({ name, ends: of }) => [name, of]));
    const sent = await sendTraffic(this.kind, millisecondsOf[this.kind] * this.#ways.length, ends);
    for (const [at, way] of this.#ways.entries())
      this.evidence.get(way.name)!.add(sent.get(way.name)!.count, before[at]!, await way.read());
    this.rounds.push(Object.fromEntries([...sent].map(([name, times]) => [name, times[timeOf[this.kind]]])));
  }
}

function measuredOf(plan: ResultPlan, { evidence, rounds }: Comparison): Measured {
  const { name, unit, ways } = plan;
  const ofWays = ways.map((way) => evidence.get(way)!);
  const contradictions = ofWays.flatMap((one) => one.contradictions());
  if (contradictions.length > 0) return { name, unit, reason: `traffic went another way than meant: ${contradictions.join('; ')}` };
  const parts = Object.entries(medianCosts(plan, rounds)).map(([way, ns]) => [`${way}Ns`, ns]);
  return { name, unit, raw: ratioSpread(plan, rounds), parts: Object.fromEntries(parts), evidence: ofWays.join('; ') };
}

async function measure({ only, rounds }: LabOptions): Promise<Measurement> {
  const plans = resultPlans.filter(({ name }) => only === null || only.includes(name));
  const ways = new Map<WayName, Way>();
  const missing = new Map<WayName, string>();
  let closing: Promise<unknown> | undefined;
  /** Once, whoever asks: at a signal, the end of the measurement comes too. */
  const close = () => (closing ??= Promise.all([...ways.values()].map((way) => way.close())));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void close().finally(() => process.exit(130)));
  try {
    const names = new Set(plans.flatMap((plan) => plan.ways));
    const maker = new Ways(names, say);
    for (const name of names) {
      try {
        ways.set(name, await maker.make(name));
      } catch (error) {
        missing.set(name, messageOf(error));
      }
    }
    const possible = plans.filter((plan) => plan.ways.every((name) => ways.has(name)));
    const comparisons = comparisonsOf(possible).map(({ kind, plans: compared }) => {
      const compare = new Set(compared.flatMap((plan) => plan.ways));
      return new Comparison(
        kind,
        compared,
        [...compare].map((name) => ways.get(name)!),
      );
    });
    const load = new OtherLoad(measuringCpu);
    for (let round = 0; round < rounds; round++) {
      if (round % roundsOfProgress === 0) say(`round ${round + 1} of ${rounds}`);
      for (const comparison of comparisons) await comparison.round();
    }
    const measured = plans.map((plan): Measured => {
      const reasons = plan.ways.flatMap((name) => missing.get(name) ?? []);
      if (reasons.length > 0) return { name: plan.name, unit: plan.unit, reason: `failed: ${reasons.join('; ')}` };
      return measuredOf(plan, comparisons.find((comparison) => comparison.plans.includes(plan))!);
    });
    return { yardsticks: {}, otherLoad: load.share(), measured };
  } finally {
    await close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  mountBpfFileSystem(bpffs);
  // Names of namespaces are this process' own, and go with it.
  mkdirSync('/run/netns', { recursive: true });
  await run({}, ['mount', '-t', 'tmpfs', 'netns', '/run/netns']);
  process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]!))));
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}
