import { setTimeout as delay } from 'node:timers/promises';
import type { Revision } from '@myelin/contracts/types';
import { includesRevision } from '@myelin/revision';
import { isMyelinError } from '@myelin/rpc';
import { type HeldTables, readCompiledTables, readHeldTables } from '../adapters/policy-tables.ts';
import type { AgentClient, PolicyClient } from '../adapters/services.ts';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { formatRevision } from '../output/revision.ts';
import { formatTable } from '../output/table.ts';
import { deviationsOf, type NodeDeviation, standTogether } from '../receipt.ts';
import { wantedRevision } from '../wanted-revision.ts';
import type { CommandContext } from './command-context.ts';

/** Milliseconds between two attempts to find node and compiler at the same revisions. */
const patience = 100;

/** What was found on a node; `deviations`: null where it never stood at the revision. */
interface Receipt {
  readonly node: string;
  readonly policyRevision: Revision | undefined;
  readonly identityRevision: Revision | undefined;
  readonly subjects: number;
  readonly entries: number;
  readonly deviations: readonly NodeDeviation[] | null;
  readonly problem: string;
}

/** `myelin policy verify`: compares every node's kernel with what was compiled. */
export async function verifyPolicies(command: CommandOf<'policy-verify'>, context: CommandContext): Promise<number> {
  const { services, print, say } = context;
  const revision = await wantedRevision(command.revision, services.policy);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(command.timeout * 1000)]);
  const receipts = await Promise.all(
    [...services.agents(command.node)].map(([node, agent]) => verifyNode(node, agent, services.policy, revision, signal)),
  );
  if (command.output === 'json') print(formatJson({ revision, nodes: receipts }));
  else print(describe(receipts));
  for (const { node, problem } of receipts) if (problem !== '') say(`${node}: ${problem}`);
  if (receipts.some(({ deviations }) => deviations === null)) return exitCodes.overdue;
  return receipts.every(({ deviations }) => deviations?.length === 0) ? exitCodes.ok : exitCodes.failed;
}

async function verifyNode(
  node: string,
  agent: AgentClient,
  policy: PolicyClient,
  revision: Revision,
  signal: AbortSignal,
): Promise<Receipt> {
  let held: HeldTables | null = null;
  let problem = '';
  while (!signal.aborted) {
    try {
      held = await readHeldTables(agent, signal);
      const { policyRevision, identityRevision } = held;
      const compiled = await readCompiledTables(
        policy,
        { node, subjects: [...held.subjects.keys()], policyRevision, identityRevision },
        signal,
      );
      if (standTogether(held, compiled) && includesRevision(policyRevision, revision))
        return { ...summary(node, held), deviations: deviationsOf(held, compiled), problem: '' };
      problem = `stands at revision ${formatRevision(policyRevision)}, the compiler at ${formatRevision(compiled.policyRevision)}; wanted is ${formatRevision(revision)}`;
    } catch (error) {
      if (!isMyelinError(error)) throw error;
      if (!signal.aborted) problem = error.message;
    }
    await delay(patience, undefined, { signal }).catch(() => {});
  }
  return { ...summary(node, held), deviations: null, problem };
}

function summary(node: string, held: HeldTables | null): Omit<Receipt, 'deviations' | 'problem'> {
  const policies = [...(held?.subjects.values() ?? [])].map(({ policy }) => policy);
  return {
    node,
    policyRevision: held?.policyRevision,
    identityRevision: held?.identityRevision,
    subjects: policies.length,
    entries: policies.reduce((sum, { ingress, egress }) => sum + ingress.entries.length + egress.entries.length, 0),
  };
}

function describe(receipts: readonly Receipt[]): string {
  const nodes = formatTable(
    ['node', 'verdict', 'revision', 'identities at', 'subjects', 'entries'],
    receipts.map(({ node, deviations, policyRevision, identityRevision, subjects, entries }) => [
      node,
      deviations === null
        ? 'not comparable'
        : deviations.length === 0
          ? 'as compiled'
          : `${deviations.length} deviation${deviations.length === 1 ? '' : 's'}`,
      formatRevision(policyRevision),
      formatRevision(identityRevision),
      String(subjects),
      String(entries),
    ]),
    'No nodes.',
  );
  const deviations = receipts.flatMap(({ node, deviations: of }) => (of ?? []).map((deviation) => deviationRow(node, deviation)));
  if (deviations.length === 0) return nodes;
  return `${nodes}\n\n${formatTable(['node', 'identity', 'direction', 'about', 'expected', 'found'], deviations, '')}`;
}

const deviationRow = (node: string, { subject, direction, about, expected, found }: NodeDeviation) => [
  node,
  subject === null ? '-' : String(subject),
  direction ?? '-',
  about,
  expected,
  found,
];
