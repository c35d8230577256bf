import type { TestLab } from './test-lab.ts';

/** Runs in the node's namespace, where its agent's metrics are. */
const program = "fetch('http://127.0.0.1:9090/metrics').then((answer) => answer.text()).then((text) => process.stdout.write(text))";

/** Packets that a node has dropped, by direction and reason, as the kernel counts them: a restarted agent goes on from there. `except`: reasons that are left out. */
export async function dropCounts(lab: TestLab, node: string, except: readonly string[] = []): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await lab.must('exec', `node:${node}`, '--', process.execPath, '-e', program);
  const lines = [...stdout.matchAll(/^myelin_drop_count_total\{(.*)\} (\d+)/gm)];
  const counts = lines.flatMap(([, labels, count]) => {
    const [reason, direction] = ['reason', 'direction'].map((label) => new RegExp(`${label}="([^"]*)"`).exec(labels!)![1]!);
    return except.includes(reason!) ? [] : [[`${direction} ${reason}`, Number(count)] as const];
  });
  return Object.fromEntries(counts);
}
