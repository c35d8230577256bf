import { setTimeout as delay } from 'node:timers/promises';
import { includesRevision, type Revision, zeroRevision } from '@myelin/revision';
import { isMyelinError } from '@myelin/rpc';
import type { AgentClient } from '../adapters/services.ts';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { formatRevision } from '../output/revision.ts';
import { formatTable } from '../output/table.ts';
import { wantedRevision } from '../wanted-revision.ts';
import type { CommandContext } from './command-context.ts';

/** Milliseconds between two looks at a node. */
const patience = 50;

/** Where a node stands; `problem`: why it may stay there. */
interface Standing {
  readonly node: string;
  readonly applied: Revision;
  readonly isEnforced: boolean;
  readonly problem: string;
}

/** `myelin policy wait`: returns when every node's kernel has the revision, as its agent reads it back. */
export async function waitForPolicies(
  command: CommandOf<'policy-wait'>,
  { services, print, say, signal }: CommandContext,
): Promise<number> {
  const revision = await wantedRevision(command.revision, services.policy);
  const until = performance.now() + command.timeout * 1000;
  const standings = await Promise.all(
    [...services.agents(command.node)].map(async ([node, agent]) => {
      let standing = await lookAt(node, agent, revision);
      while (!standing.isEnforced && performance.now() < until && !signal.aborted) {
        await delay(patience);
        standing = await lookAt(node, agent, revision);
      }
      return standing;
    }),
  );
  if (command.output === 'json') print(formatJson({ revision, nodes: standings }));
  else print(formatTable(['node', 'enforces', 'revision applied', 'problem'], standings.map(row), 'No nodes.'));
  const late = standings.filter(({ isEnforced }) => !isEnforced).map(({ node }) => node);
  if (late.length === 0) return exitCodes.ok;
  say(`revision ${formatRevision(revision)} is not enforced within ${command.timeout} s on: ${late.join(', ')}`);
  return exitCodes.overdue;
}

const row = ({ node, isEnforced, applied, problem }: Standing) => [node, isEnforced ? 'yes' : 'no', formatRevision(applied), problem];

async function lookAt(node: string, agent: AgentClient, wanted: Revision): Promise<Standing> {
  try {
    const { appliedPolicyRevision: applied = zeroRevision, lastError } = await agent.getStatus({});
    const isEnforced = includesRevision(applied, wanted);
    return { node, applied, isEnforced, problem: isEnforced ? '' : lastError };
  } catch (error) {
    if (!isMyelinError(error)) throw error;
    return { node, applied: zeroRevision, isEnforced: false, problem: error.message };
  }
}
