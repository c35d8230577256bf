import { pathPlans } from './datapath/paths.ts';
import { type MeasureOptions, measureDatapath } from './datapath/run.ts';
import { type Measurement, nothing } from './result.ts';

/** A suite of bars.json. */
export interface Suite {
  /** Names that it can measure, beyond those of bars.json too. */
  readonly names: readonly string[];
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
  ['agent-memory-', 'nodes beside this one, whose endpoints the agent has to know'],
];

const notBuilt = (what: string) => `not built yet: ${what}`;

const suites: Readonly<Record<string, Suite>> = {
  datapath: {
    names: pathPlans.map(({ name }) => name),
    measure: measureDatapath,
    reasonOf: (name) => notBuilt(datapathReasons.find(([start]) => name.startsWith(start))?.[1] ?? name),
  },
};

/** The suite of a name; one that isn't built measures nothing. */
export function suiteOf(name: string): Suite {
  const none: Suite = {
    names: [],
    measure: async () => nothing,
    reasonOf: () => notBuilt(`suite ${name}`),
  };
  return suites[name] ?? none;
}
