/** The packet suite, libraries over the kernel, and the agent with real traffic. Not the stress of the flow table: one emulated processor never races another in earnest. */
const everything = ['bpf/tests', 'libs/bpf-native', 'libs/datapath', 'apps/node-agent'] as const;
const neverHere = ['**/flow-stress.priv.spec.ts'] as const;

/** What `npm test` has time for: whether the programs load, packets through `to_pod`, and real traffic through clsact filters, between two pods and through a tunnel. */
const selection = ['bpf/tests/to-pod', 'bpf/tests/veth', 'bpf/tests/overlay'] as const;

/** The test run. */
export function testCommand(full: boolean, reportFile: string): readonly string[] {
  return [
    ...['node', 'node_modules/vitest/vitest.mjs', 'run', '--project', 'privileged'],
    ...['--reporter=dot', '--reporter=json', `--outputFile.json=${reportFile}`],
    ...neverHere.flatMap((pattern) => ['--exclude', pattern]),
    ...(full ? everything : selection),
  ];
}
