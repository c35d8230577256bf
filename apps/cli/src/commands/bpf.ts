import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

/** Numbers by their values: the kernel has its rows in no order. */
const order = new Intl.Collator('en', { numeric: true });

/** `myelin bpf <map> list`: rows as the kernels hold them now, node by node. */
export async function listMap(command: CommandOf<'bpf-list'>, { services, print }: CommandContext): Promise<number> {
  const found: { readonly node: string; readonly columns: readonly string[]; readonly cells: readonly string[] }[] = [];
  for (const [node, agent] of services.agents(command.node)) {
    let columns: readonly string[] = [];
    for await (const part of agent.readMap({ map: command.map })) {
      if (part.columns.length > 0) columns = part.columns;
      found.push(...part.rows.map(({ cells }) => ({ node, columns, cells })));
    }
  }
  found.sort((a, b) => order.compare(a.node, b.node) || order.compare(a.cells.join(' '), b.cells.join(' ')));
  if (command.output === 'json') {
    const rows = found.map(({ node, columns, cells }) => ({
      node,
      ...Object.fromEntries(columns.map((name, index) => [name, cells[index]])),
    }));
    print(formatJson(rows));
  } else {
    const headings = ['node', ...(found[0]?.columns ?? [])];
    print(
      formatTable(
        headings,
        found.map(({ node, cells }) => [node, ...cells]),
        `The map ${command.map} is empty.`,
      ),
    );
  }
  return exitCodes.ok;
}
