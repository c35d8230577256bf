import type { Revision } from '@myelin/contracts/types';

/** What a caller asks for; see EndpointSpec in agent.proto. */
export interface EndpointSpec {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly namedPorts: readonly { readonly name: string; readonly number: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[];
  readonly netns: string;
  readonly interfaceName: string;
  /** Textual; empty: the next free ones. */
  readonly addresses: readonly string[];
}

/**
 * A number that the allocator gave, and what for. `revision`: the row's in the stream `identities`. `published`: from which revision of the stream `endpoints` on
 * the addresses are published under it; null: they aren't, or are under another one.
 */
export interface Assignment {
  readonly identity: number;
  readonly labels: readonly string[];
  readonly revision: Revision;
  readonly published: Revision | null;
}

export type EndpointState = 'creating' | 'waiting-for-policy' | 'ready' | 'deleting' | 'failed';

/** All that is known of an endpoint, as it is written down: what a restarted agent goes on with. */
export interface EndpointRecord {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
  /** Why it isn't ready, for people. */
  readonly message: string;
  readonly addresses: readonly string[];
  readonly slot: number;
  /** Its pair exists, with programs attached. */
  readonly linked: boolean;
  /** Newest answer of the allocator to the labels of `spec`; null while it is asked. */
  readonly assigned: Assignment | null;
  /** What the kernel enforces for it; null: its packets drop (203). After a relabelling the old one until the new one's policy is there. */
  readonly inForce: Assignment | null;
  /** The allocator has no other number for it than the newest that came into force, and its addresses are published under that. False from a relabelling on. */
  readonly settled: boolean;
  /** The allocator has lost or given away what the endpoint had there, and has not answered its claim yet: the number in force may come to be another label set's. Absent: no. */
  readonly disowned?: boolean;
}

/** What happens to an endpoint. */
export type EndpointEvent =
  | { readonly kind: 'updated'; readonly spec: EndpointSpec }
  /** The allocator holds nothing of the node's any more. */
  | { readonly kind: 'disowned' }
  /** The allocator will not give it a number, whenever it is asked: `message` says why. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'linked' }
  | { readonly kind: 'link-lost'; readonly message: string }
  | { readonly kind: 'identified'; readonly assignment: Assignment }
  /** Here; and on other nodes, or they were late: `message` says which. */
  | { readonly kind: 'policy-applied'; readonly identity: number; readonly message?: string }
  | { readonly kind: 'settled'; readonly identity: number; readonly published: Revision }
  | { readonly kind: 'policy-refused'; readonly message: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'detached' }
  | { readonly kind: 'released' };

/** What has to be done next. All of them may be done twice. */
export type EndpointEffect =
  /** Make the pair, attach the programs, write the entry without the ready flag. */
  | 'link'
  /** Ask the allocator for the number of the labels. */
  | 'identify'
  /** Have the policy of `assigned` applied, and its identity on all nodes. */
  | 'await-policy'
  /** Write `inForce` into the kernel and set the ready flag. */
  | 'enforce'
  /** Take the ready flag back: nothing is in force, its packets drop (203), its addresses are nobody's. */
  | 'cut-off'
  /** Publish its addresses under `inForce`, then give its other numbers back: nobody speaks as them any more. */
  | 'settle'
  /** Take it out of the kernel: first the maps, then the pair (design C1: before the release). */
  | 'detach'
  /** Give number and addresses back to the allocator. */
  | 'release'
  /** Forget the record, free addresses and slot. */
  | 'forget';

/** The record after the event (null: gone), and what to do. The record is written down before its effects begin. */
export interface Step {
  readonly record: EndpointRecord | null;
  readonly effects: readonly EndpointEffect[];
}

/** A new endpoint with the addresses and the slot that the node gave it. */
export function createEndpoint(spec: EndpointSpec, addresses: readonly string[], slot: number): Step {
  const record: EndpointRecord = {
    spec,
    state: 'creating',
    message: '',
    addresses,
    slot,
    linked: false,
    assigned: null,
    inForce: null,
    settled: true,
  };
  return { record, effects: ['link', 'identify'] };
}

/** The next step of an endpoint. Events that come late or twice change nothing. */
export function advance(record: EndpointRecord, event: EndpointEvent): Step {
  const unchanged: Step = { record, effects: [] };
  if (event.kind === 'delete') return { record: { ...record, state: 'deleting', message: '' }, effects: ['detach'] };
  if (record.state === 'deleting') return deleting(record, event);
  switch (event.kind) {
    case 'updated':
      return updated(record, event.spec);
    case 'disowned':
      return updated({ ...record, disowned: record.inForce !== null }, record.spec);
    case 'refused':
      return record.disowned === true ? cutOff(record, event.message) : unchanged;
    case 'linked':
      return record.linked ? unchanged : settle({ ...record, linked: true });
    case 'link-lost':
      return { record: { ...record, linked: false, inForce: null, state: 'failed', message: event.message }, effects: [] };
    case 'identified':
      // Beside another number the addresses stay where they are.
      return identified(record, record.settled ? event.assignment : { ...event.assignment, published: null });
    case 'policy-applied': {
      const { assigned, linked } = record;
      if (!linked || assigned === null || assigned.identity !== event.identity || isInForce(record)) return unchanged;
      const message = event.message ?? '';
      return { record: { ...record, inForce: assigned, state: 'ready', message }, effects: ['enforce', ...settling(record)] };
    }
    case 'settled':
      return isInForce(record) && record.inForce?.identity === event.identity
        ? { record: { ...record, inForce: { ...record.inForce, published: event.published }, settled: true }, effects: [] }
        : unchanged;
    case 'policy-refused':
      return record.message === event.message ? unchanged : { record: { ...record, message: event.message }, effects: [] };
    default:
      return unchanged;
  }
}

/** What speaks as a number that is no longer the endpoint's stops at once (C1): the claim was answered by another one. After a relabelling it still holds the one before, and changes over. */
function identified(record: EndpointRecord, assigned: Assignment): Step {
  const isLost = record.disowned === true && record.inForce !== null && record.inForce.identity !== assigned.identity;
  const { record: next, effects } = settle({ ...record, assigned, disowned: false, inForce: isLost ? null : record.inForce });
  return { record: next, effects: isLost ? ['cut-off', ...effects] : effects };
}

/** What was refused is asked again, and the endpoint comes back with the answer. */
function cutOff(record: EndpointRecord, message: string): Step {
  const cut = { ...record, inForce: null, ...waiting(record, `cut off: ${message}`) };
  return { record: cut, effects: record.inForce === null ? [] : ['cut-off'] };
}

function deleting(record: EndpointRecord, event: EndpointEvent): Step {
  if (event.kind === 'detached') return { record: { ...record, linked: false, inForce: null }, effects: ['release'] };
  if (event.kind === 'released') return { record: null, effects: ['forget'] };
  return { record, effects: [] };
}

/**
 * New labels ask for a number anew, beside the one in force; what doesn't decide it (the addresses, the interface) stays as it was made. Even where the last number isn't in force yet,
 * or its answer has not come: the allocator may hold it.
 */
function updated(record: EndpointRecord, spec: EndpointSpec): Step {
  const { netns, interfaceName, addresses } = record.spec;
  const merged = { ...spec, netns, interfaceName, addresses };
  return {
    record: { ...record, spec: merged, assigned: null, settled: false, ...waiting(record, 'waits for its identity') },
    effects: ['identify'],
  };
}

const settling = ({ settled }: EndpointRecord): readonly EndpointEffect[] => (settled ? [] : ['settle']);

/** Whether an endpoint speaks as nothing but what the allocator holds for it: as that, or not at all (design C1). */
export function isConfirmed({ state, inForce, disowned }: EndpointRecord): boolean {
  return inForce === null || state === 'deleting' || state === 'failed' || disowned !== true;
}

/** Whether it spoke, and must not until the allocator gives it a number. */
export function isCutOff({ state, inForce, disowned }: EndpointRecord): boolean {
  return inForce === null && disowned === true && state !== 'deleting' && state !== 'failed';
}

const isInForce = ({ assigned, inForce }: EndpointRecord) => assigned !== null && inForce?.identity === assigned.identity;

function waiting(record: EndpointRecord, message: string): Pick<EndpointRecord, 'state' | 'message'> {
  return { state: record.linked ? 'waiting-for-policy' : 'creating', message };
}

/** Where an endpoint stands once link or identity has come: both are needed before policy is waited for. */
function settle(record: EndpointRecord): Step {
  if (!record.linked || record.assigned === null) return { record, effects: [] };
  // The same number again (labels that no identity is made of): nothing in the kernel changes but the entry's labels.
  if (isInForce(record)) return { record: { ...record, inForce: record.assigned, state: 'ready', message: '' }, effects: settling(record) };
  return {
    record: { ...record, ...waiting(record, `waits for the policy of identity ${record.assigned.identity}`) },
    effects: ['await-policy'],
  };
}

/** What a restarted agent has to do for an endpoint that it finds written down. `linkExists`: its node-side interface is there. */
export function resume(record: EndpointRecord, linkExists: boolean): Step {
  if (record.state === 'deleting') return { record, effects: ['detach'] };
  if (record.linked && !linkExists) {
    return advance(record, { kind: 'link-lost', message: 'its interface has gone: delete it, or create it again' });
  }
  if (record.state === 'failed') return { record, effects: [] };
  const effects: EndpointEffect[] = [];
  if (!record.linked) effects.push('link');
  if (record.assigned === null) effects.push('identify');
  if (record.linked && record.inForce !== null) effects.push('enforce');
  if (record.linked && record.assigned !== null && !isInForce(record)) effects.push('await-policy');
  if (isInForce(record)) effects.push(...settling(record));
  return { record, effects };
}

/** Identities whose policy the node needs for its endpoints: what they have and what they wait for. Sorted. */
export function subjectsOf(records: Iterable<EndpointRecord>): readonly number[] {
  const subjects = new Set<number>();
  for (const { state, assigned, inForce } of records) {
    if (state === 'deleting') continue;
    if (assigned !== null) subjects.add(assigned.identity);
    if (inForce !== null) subjects.add(inForce.identity);
  }
  return [...subjects].sort((a, b) => a - b);
}

/** An endpoint with every number that it may hold, as the allocator gave them; none: it waits for its first answer. */
export interface HeldNumbers {
  readonly uid: string;
  readonly numbers: readonly Assignment[];
}

/** What the node's endpoints hold, for an allocator that has lost it (design C4). One that is going holds nothing any more: it is cut off first. */
export function heldBy(records: Iterable<EndpointRecord>): readonly HeldNumbers[] {
  return [...records]
    .filter(({ state }) => state !== 'deleting')
    .map(({ spec, assigned, inForce }) => {
      const numbers = new Map([inForce, assigned].flatMap((one) => (one === null ? [] : [[one.identity, one] as const])));
      return { uid: spec.uid, numbers: [...numbers.values()] };
    });
}
