/**
 * The process that measures: `node measure.ts <options as JSON>`, in network and mount namespaces of its own (see run.ts), so that interfaces, pins, programs and maps go with it however it
 * ends. Progress goes to stderr, the measurement as JSON to stdout.
 */
import { availableParallelism } from 'node:os';
import { mountBpfFileSystem } from '@myelin/bpf-native';
import type { Measured, Measurement } from '../result.ts';
import { type Sample, spreadOfDifference } from '../statistics.ts';
import { connectMany } from './connections.ts';
import { makeInterfaces } from './interfaces.ts';
import { BenchNode } from './node.ts';
import { Path } from './path.ts';
import { connectionsOfClient, type NodeShape, type PathPlan, pathPlans, type Sizes } from './paths.ts';
import type { MeasureOptions } from './run.ts';
import { clientCount, makeWorkload } from './workload.ts';
import { Yardstick } from './yardstick.ts';

const bpffs = '/sys/fs/bpf';
const sizes: Sizes = { packets: 65536, events: 16384 };
/** The last CPU: interrupts and the main thread are more often on the first. */
const cpu = availableParallelism() - 1;

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/** A result's path, or why there is none. */
type Prepared = { readonly name: string; readonly samples: Sample[] } & ({ readonly path: Path } | { readonly reason: string });

async function measure({ only, rounds, objectFiles }: MeasureOptions): Promise<Measurement> {
  const plans = pathPlans.filter(({ name }) => only === null || only.includes(name));
  mountBpfFileSystem(bpffs);
  const yardstick = await Yardstick.load();
  const prepared = await preparePaths(plans, objectFiles);
  say(`measuring ${plans.length} paths in ${rounds} rounds`);
  const yardsticks: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    yardsticks.push(await yardstick.measure(sizes.packets, cpu));
    for (const one of prepared) if ('path' in one) one.samples.push(await one.path.measure(cpu));
  }
  return { yardsticks: { Y: spreadOfDifference(yardsticks) }, measured: prepared.map(measuredOf) };
}

/** Nodes by shape, one after the other, each with all its paths. */
async function preparePaths(plans: readonly PathPlan[], objectFiles: readonly string[]): Promise<readonly Prepared[]> {
  const workload = makeWorkload();
  const interfaces = makeInterfaces(clientCount + 1);
  const prepared: Prepared[] = [];
  for (const [number, shape] of [...new Set(plans.map((plan) => plan.shape))].entries()) {
    const { flowBuckets, busyClients = 0 }: NodeShape = shape;
    const node = await BenchNode.open({ bpffs: `${bpffs}/node${number}`, objectFiles, workload, interfaces, flowBuckets });
    if (busyClients > 0) {
      say(`opening ${busyClients * connectionsOfClient} connections`);
      await connectMany(node, node.clients.slice(0, busyClients), connectionsOfClient);
    }
    for (const { name, make } of plans.filter((plan) => plan.shape === shape)) {
      prepared.push({ name, samples: [], path: new Path({ name, node, ...(await make(node, sizes)) }) });
    }
  }
  return prepared;
}

function measuredOf({ name, samples, ...outcome }: Prepared): Measured {
  if ('reason' in outcome) return { name, reason: outcome.reason };
  const { evidence } = outcome.path;
  const contradictions = evidence.contradictions();
  if (contradictions.length > 0) return { name, reason: `packets went another way than meant: ${contradictions.join('; ')}` };
  return { name, raw: spreadOfDifference(samples), evidence: `${evidence}` };
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]!))));
