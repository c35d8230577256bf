import { agentMemoryName, measureAgentMemory } from './agent-memory/measure.ts';
import { comparisonPlans } from './datapath/comparison.ts';
import { pathPlans } from './datapath/paths.ts';
import { type MeasureOptions, measureDatapath } from './datapath/run.ts';
import { resultPlans } from './lab/results.ts';
import { measureLab } from './lab/run.ts';
import { type Measurement, nothing } from './result.ts';

/** A suite of bars.json. */
export interface Suite {
  /** Names that it can measure, beyond those of bars.json too. */
  readonly names: readonly string[];
  /** Rounds unless told otherwise. */
  readonly rounds: number;
  readonly measure: (options: MeasureOptions) => Promise<Measurement>;
  /** Why a name is not measured. */
  readonly reasonOf: (name: string) => string;
}

/** What the results that aren't built yet wait for, by the beginning of their names. */
const datapathReasons: readonly (readonly [string, string])[] = [
  ['service-', 'services'],
  ['overlay-geneve-', 'tunnels of Geneve'],
  ['masquerade-', 'masquerade by BPF (nftables does it for now)'],
  ['xdp-', 'XDP programs'],
  ['kernel-memory-', 'a measurement of memory at a million flows'],
];

const notBuilt = (what: string) => `not built yet: ${what}`;

const pathNames = [...pathPlans, ...comparisonPlans].map(({ name }) => name);

/** Paths first: the lab whose agent's memory is measured would be a load beside them. */
async function measureDatapathSuite(options: MeasureOptions): Promise<Measurement> {
  const wants = (name: string) => options.only === null || options.only.includes(name);
  const paths = pathNames.some(wants) ? await measureDatapath(options) : nothing;
  const memory = wants(agentMemoryName) ? await measureAgentMemory() : nothing;
  return { ...paths, otherLoad: Math.max(paths.otherLoad, memory.otherLoad), measured: [...paths.measured, ...memory.measured] };
}

const suites: Readonly<Record<string, Suite>> = {
  datapath: {
    names: [...pathNames, agentMemoryName],
    rounds: 41,
    measure: measureDatapathSuite,
    reasonOf: (name) => notBuilt(datapathReasons.find(([start]) => name.startsWith(start))?.[1] ?? name),
  },
  lab: {
    names: resultPlans.map(({ name }) => name),
    rounds: 12,
    measure: measureLab,
    reasonOf: notBuilt,
  },
};

/** The suite of a name; one that isn't built measures nothing. */
export function suiteOf(name: string): Suite {
  const none: Suite = {
    names: [],
    rounds: 0,
    measure: async () => nothing,
    reasonOf: () => notBuilt(`suite ${name}`),
  };
  return suites[name] ?? none;
}
