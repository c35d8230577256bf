import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Flow } from '@myelin/contracts/flow';
import { parseManifests } from '@myelin/manifest';
import type { LabClients } from '../cluster/clients.ts';
import type { Lab } from '../cluster/lab.ts';
import { knownPlaces } from '../cluster/places.ts';
import { openTalk, type WorkloadResult } from '../cluster/workload.ts';
import { dropOf } from './check.ts';
import { deniedBy } from './flow-text.ts';

/** An open connection that a policy edit should cut, over one family. */
export interface CutCheck {
  readonly family: 4 | 6;
  /** Replies before the edit. */
  readonly replies: number;
  /** From the moment when the policy was stored to the last reply; 0: none came after it. */
  readonly cutAfterMs: number;
  readonly event: Flow | undefined;
  readonly difference: string | null;
}

/** The bar: the edit bites within this time after `policy apply` has returned. */
const limitMs = 100;
const from = 'shop/storefront';
const to = 'shop/catalog';
const port = 9090;
/** Replies that show that a connection is open. */
const enoughReplies = 20;
const expectedBy = 'NetworkPolicy shop/default-deny, NetworkPolicy shop/read-catalog';

/** A connection that is asked every 10 ms, and when its replies came. */
interface Conversation {
  readonly family: 4 | 6;
  readonly replies: { readonly at: number; readonly result: WorkloadResult }[];
  stop(): Promise<void>;
}

/** Opens a connection from the storefront to the catalog over each family, applies the edit to the policy, and sees when the connections fall silent. */
export async function checkEdit(lab: Lab, file: string, clients: LabClients): Promise<readonly CutCheck[]> {
  const conversations = ([4, 6] as const).map((family) => converse(lab, family));
  try {
    for (
      const started = performance.now();
      conversations.some(({ replies }) => replies.length < enoughReplies) && performance.now() - started < 2000;
    )
      await delay(10);
    const before = conversations.map(({ replies }) => replies.length);
    const applied = performance.now();
    await applyFile(file, clients);
    const stored = performance.now();
    await delay(5 * limitMs);
    return await Promise.all(
      conversations.map((conversation, index) => judge(lab, conversation, { before: before[index]!, applied, stored }, clients)),
    );
  } finally {
    await Promise.all(conversations.map(({ stop }) => stop()));
  }
}

/** Stores the policies of a file; returns as soon as they are stored. */
export async function applyFile(file: string, clients: LabClients): Promise<void> {
  const { manifests } = parseManifests([{ file, text: readFileSync(file, 'utf8') }]);
  await clients.policy().apply({ documents: manifests.map(({ value }) => JSON.stringify(value)) });
}

function converse(lab: Lab, family: 4 | 6): Conversation {
  const places = knownPlaces(lab.state);
  const address = places.get(to)!.addresses.find((each) => each.includes(':') === (family === 6)) ?? '';
  const replies: Conversation['replies'] = [];
  const { stop } = openTalk(lab, places.get(from)!.place, { protocol: 'TCP', address, port }, (result) => {
    if (result.ok) replies.push({ at: performance.now(), result });
  });
  return { family, replies, stop };
}

/** Moments of an edit; `before`: replies that had come until then. */
interface Moments {
  readonly before: number;
  readonly applied: number;
  readonly stored: number;
}

async function judge(lab: Lab, { family, replies }: Conversation, moments: Moments, clients: LabClients): Promise<CutCheck> {
  const last = replies.at(-1);
  const cutAfterMs = Math.max(0, (last?.at ?? 0) - moments.stored);
  const event = await dropOf(lab, { from, to, port, protocol: 'TCP', family }, last?.result.sourcePort ?? 0, clients);
  const difference = compare(last?.at ?? 0, moments, cutAfterMs, event);
  return { family, replies: moments.before, cutAfterMs, event, difference };
}

function compare(lastReply: number, { before, applied }: Moments, cutAfterMs: number, event: Flow | undefined): string | null {
  if (before < enoughReplies) return 'the connection could not be opened';
  if (lastReply < applied - limitMs) return 'the connection ended before the edit';
  if (cutAfterMs > limitMs) return `replies came for ${cutAfterMs.toFixed(0)} ms after the policy was stored; expected at most ${limitMs}`;
  if (event === undefined) return 'no event reported the cut';
  const by = deniedBy(event).join(', ');
  return by === expectedBy ? null : `expected a denial by ${expectedBy}, it was by ${by}`;
}
