/**
 * The process that measures: `node measure.ts <options as JSON>`, in network and mount namespaces of its own (see run.ts), so that interfaces, pins, programs and maps go with it however it
 * ends. Progress goes to stderr, the measurement as JSON to stdout.
 */
import { mountBpfFileSystem } from '@myelin/bpf-native';
import { findObjects } from '@myelin/datapath';
import { measuringCpu as cpu } from '../isolated.ts';
import { OtherLoad } from '../other-load.ts';
import type { Measured, Measurement } from '../result.ts';
import { type Sample, spreadOfDifference } from '../statistics.ts';
import { Comparison, type ComparisonPlan, comparisonPlans } from './comparison.ts';
import { connectMany } from './connections.ts';
import { makeInterfaces, makeTunnelDevice } from './interfaces.ts';
import { BenchNode } from './node.ts';
import { Path } from './path.ts';
import { manyServices, type NodeShape, type PathPlan, pathPlans, type Sizes } from './paths.ts';
import type { MeasureOptions } from './run.ts';
import { clientCount, makeWorkload } from './workload.ts';
import { Yardstick } from './yardstick.ts';

const bpffs = '/sys/fs/bpf';
const packetsOfRound = { packets: 65536, events: 16384 } as const;

const roundsOfProgress = 10;
/** Changing the number of services takes a second or two. */
const roundsOfComparison = 4;

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/** A result in the making: its path and samples so far, or why it can't be measured. */
interface Pending {
  readonly name: string;
  path: Path | null;
  readonly samples: Sample[];
  failure: string;
}

async function measure({ only, rounds, connectionsOfClient }: MeasureOptions): Promise<Measurement> {
  const plans = wantedPlans(only);
  mountBpfFileSystem(bpffs);
  const yardstick = await Yardstick.load();
  const { results, comparison } = await preparePaths(plans, { ...packetsOfRound, connectionsOfClient });
  const yardsticks: Sample[] = [];
  const load = new OtherLoad();
  for (let round = 0; round < rounds; round++) {
    if (round % roundsOfProgress === 0) say(`${results.length} paths, round ${round + 1} of ${rounds}`);
    yardsticks.push(await yardstick.measure(packetsOfRound.packets, cpu));
    for (const result of results)
      await attempt(result, async ({ path, samples }) => path !== null && samples.push(await path.measure(cpu)));
    if (round % roundsOfComparison === 0) await comparison?.measureRound(cpu);
  }
  return {
    yardsticks: { Y: spreadOfDifference(yardsticks) },
    otherLoad: load.share(),
    measured: [...results.map(measuredOf), ...(comparison?.measured() ?? [])],
  };
}

interface Plans {
  readonly paths: readonly PathPlan[];
  readonly comparisons: readonly ComparisonPlan[];
}

function wantedPlans(only: MeasureOptions['only']): Plans {
  const isWanted = ({ name }: { readonly name: string }) => only === null || only.includes(name);
  return { paths: pathPlans.filter(isWanted), comparisons: comparisonPlans.filter(isWanted) };
}

/** Nodes by shape, one after the other, each with all its paths. */
async function preparePaths(
  { paths, comparisons }: Plans,
  sizes: Sizes,
): Promise<{ readonly results: readonly Pending[]; readonly comparison: Comparison | null }> {
  const [objectFiles, workload] = [findObjects(), makeWorkload()];
  const interfaces = makeInterfaces(clientCount + 1);
  const tunnelDevice = makeTunnelDevice();
  const results: Pending[] = [];
  let comparison: Comparison | null = null;
  const shapes = new Set([...paths.map((plan) => plan.shape), ...(comparisons.length > 0 ? [manyServices] : [])]);
  for (const [number, shape] of [...shapes].entries()) {
    const { flowBuckets, busyClients = 0, services = 0 }: NodeShape = shape;
    const node = await BenchNode.open({ bpffs: `${bpffs}/node${number}`, objectFiles, workload, interfaces, tunnelDevice, flowBuckets });
    if (services > 0) await node.serve(services);
    if (busyClients > 0) {
      say(`opening ${busyClients * sizes.connectionsOfClient} connections`);
      await connectMany(node, node.clients.slice(0, busyClients), sizes.connectionsOfClient);
    }
    if (shape === manyServices && comparisons.length > 0) comparison = await Comparison.make(node, comparisons, sizes);
    for (const { name, make } of paths.filter((plan) => plan.shape === shape)) {
      const result: Pending = { name, path: null, samples: [], failure: '' };
      await attempt(result, async () => (result.path = new Path({ node, ...(await make(node, sizes)) })));
      results.push(result);
    }
  }
  return { results, comparison };
}

/** A path that fails is given up; the others go on. */
async function attempt(result: Pending, action: (result: Pending) => Promise<unknown>): Promise<void> {
  try {
    await action(result);
  } catch (error) {
    result.path = null;
    result.failure = `failed: ${messageOf(error)}`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function measuredOf({ name, path, samples, failure }: Pending): Measured {
  if (path === null) return { name, reason: failure };
  const contradictions = path.evidence.contradictions();
  if (contradictions.length > 0) return { name, reason: `packets went another way than meant: ${contradictions.join('; ')}` };
  return { name, raw: spreadOfDifference(samples), evidence: `${path.evidence}` };
}

try {
  process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]!))));
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}
