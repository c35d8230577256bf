import type { AwaitAppliedRequest, AwaitAppliedResponse, ReportAppliedRequest } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import type { Applied, Reports } from '@myelin/identity-rules';
import type { Store } from '@myelin/outbox';
import { zeroRevision } from '@myelin/revision';
import { type Log, MyelinError } from '@myelin/service';
import type { Registry } from '../adapters/registry.ts';
import { sessionRefusal } from './refusal.ts';
import { greatestExact, readNodeName, readSession } from './request.ts';

/** What the calls about applied revisions need. */
export interface AppliedParts {
  readonly registry: Pick<Registry, 'report' | 'missed' | 'reports'>;
  readonly store: Pick<Store, 'recovering'>;
  readonly reports: Reports;
  readonly appliedWithinMs: number;
  readonly log: Log;
}

/** Takes a node's report. While rows are on their way back there is no session to report for: the node registers, and is told to present what it knows. */
export async function reportApplied({ registry, store }: AppliedParts, request: ReportAppliedRequest): Promise<Record<string, never>> {
  const session = readSession(request.node, request.session);
  if (store.recovering !== null) throw sessionRefusal(`node ${session.node}`, session.node, { outcome: 'unregistered' });
  const {
    identityRevision: identities = zeroRevision,
    endpointRevision: endpoints = zeroRevision,
    nodeRevision: nodes = zeroRevision,
  } = request;
  if ([identities, endpoints, nodes].some(({ incarnation }) => incarnation > greatestExact))
    throw new MyelinError('invalid_argument', `node ${session.node} reports an incarnation that no clock has reached`);
  const result = await registry.report(session, { identities, endpoints, nodes });
  if (result.outcome !== 'ok') throw sessionRefusal(`node ${session.node}`, session.node, result);
  return {};
}

/** Whether there is nobody to wait for: every other live node has set the bits of this revision. False while that isn't known: nodes that registered before `order` may not have been heard of. */
export function isAppliedByOthers({ reports }: Pick<AppliedParts, 'reports'>, node: string, identities: Revision, order: number): boolean {
  return (
    reports.isCurrent &&
    reports.hasHeard(order) &&
    reports.late({ identities, endpoints: zeroRevision }, node, performance.now()).length === 0
  );
}

/** Waits for all other live nodes. The names of those that were late; what they missed is noted, so that it is not waited for again. */
export async function awaitApplied(
  { registry, reports, appliedWithinMs, log }: AppliedParts,
  request: AwaitAppliedRequest,
  signal: AbortSignal,
): Promise<AwaitAppliedResponse> {
  const node = readNodeName(request.node);
  const { identityRevision: identities = zeroRevision, endpointRevision: endpoints = zeroRevision } = request;
  const wanted: Applied = { identities, endpoints };
  const isDone = () => reports.isCurrent && reports.late(wanted, node, performance.now()).length === 0;
  const over = AbortSignal.any([signal, AbortSignal.timeout(appliedWithinMs)]);
  // Whoever has registered may not have been heard of here, and who seems dead may only not have been heard.
  const { nowMs, order, reports: read } = await registry.reports();
  reports.refresh(read, nowMs, performance.now(), order);
  await until(isDone, reports, over);
  if (!reports.isCurrent && !signal.aborted) throw new MyelinError('unavailable', 'what nodes report can not be heard: is Redis running?');
  const late = reports.late(wanted, node, performance.now());
  if (late.length === 0 || signal.aborted) return { late: [] };
  const missed = await registry.missed(wanted, late);
  if (missed.length > 0)
    log.warn({ nodes: missed, for: node }, 'nodes have not applied what was waited for: they are not waited for until they have');
  return { late: [...missed] };
}

/** Resolves when it is so, looked at after each change, or when the time is over. */
function until(isDone: () => boolean, reports: Reports, over: AbortSignal): Promise<void> {
  if (isDone() || over.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      stopListening();
      over.removeEventListener('abort', end);
      resolve();
    };
    const stopListening = reports.onChange(() => isDone() && end());
    over.addEventListener('abort', end, { once: true });
  });
}
