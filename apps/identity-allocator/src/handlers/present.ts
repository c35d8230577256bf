import type { PresentStateRequest, PresentStateResponse } from '@myelin/contracts/identity';
import type { Claim } from '@myelin/identity-recovery';
import { identityRanges } from '@myelin/labels';
import type { Store } from '@myelin/outbox';
import { MyelinError } from '@myelin/service';
import { type StreamKind, streamKinds } from '@myelin/state-stream';
import { type PresentedRow, presentState } from '../adapters/recovery.ts';
import { readLabelSet } from '../domain/label-set.ts';
import { greatestExact, readNodeName, readWord } from './request.ts';

const kinds: ReadonlyMap<string, StreamKind<unknown>> = new Map(
  [streamKinds.identities, streamKinds.endpoints, streamKinds.nodes].map((kind) => [kind.name, kind as StreamKind<unknown>]),
);

/** Takes what a node knows after a loss of Redis. */
export async function takeState(store: Store, request: PresentStateRequest): Promise<PresentStateResponse> {
  const node = readNodeName(request.node);
  const rows = request.rows.map((row) => readRow(node, row));
  const claims = request.last ? request.claims.map((claim) => readClaim(node, claim)) : null;
  if (store.recovering === null) return { wanted: false };
  return { wanted: await presentState(store, { node, rows, claims }) };
}

function readRow(node: string, { kind: name, key, revision, payload }: PresentStateRequest['rows'][number]): PresentedRow {
  const kind = kinds.get(name);
  if (kind === undefined) throw invalid(`node ${node} presents a row of "${name}": there is no such stream here`);
  const at = readRevision(node, revision);
  readWord(`key of ${name}`, key);
  if (payload.length === 0) return { kind: name, key, revision: at, payload: null };
  try {
    const row = kind.decode(payload);
    if (kind.keyOf(row) === key) return { kind: name, key, revision: at, payload: JSON.stringify(row) };
  } catch {
    // Said below.
  }
  throw invalid(`node ${node} presents a row of ${name} that is none of the key "${key}"`);
}

function readClaim(node: string, { endpointUid, numbers }: PresentStateRequest['claims'][number]): Claim {
  const uid = readWord('endpoint UID', endpointUid);
  return {
    uid,
    numbers: numbers.map(({ number, labels, revision }) => {
      const { first, last } = identityRanges.cluster;
      if (number < first || number > last) throw invalid(`endpoint ${uid} of node ${node} claims ${number}, which is no label set's`);
      const reading = readLabelSet(labels);
      if ('problem' in reading) throw invalid(`endpoint ${uid} of node ${node}: ${reading.problem}`);
      return { number, labels: reading.labels, revision: readRevision(node, revision) };
    }),
  };
}

function readRevision(node: string, revision: { incarnation: bigint; counter: bigint } | undefined) {
  if (revision === undefined || revision.incarnation > greatestExact || revision.counter > greatestExact)
    throw invalid(`node ${node} presents something at no readable revision`);
  return { incarnation: revision.incarnation, counter: revision.counter };
}

const invalid = (message: string) => new MyelinError('invalid_argument', message);
