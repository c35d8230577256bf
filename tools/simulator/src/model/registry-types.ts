import type { Revision } from '@myelin/revision';

/** Who calls: a registration of a node, and its agent's counter. */
export interface CallerSession {
  readonly node: string;
  readonly registration: bigint;
  readonly counter: bigint;
}

/** The caller's session is not, or no longer, the node's. */
export type SessionRefusal = { readonly outcome: 'unregistered' } | { readonly outcome: 'outdated' };

export interface IdentityRow {
  readonly number: number;
  readonly labels: string;
}

export interface EndpointRow {
  readonly address: string;
  readonly identity: number;
  readonly node: string;
  readonly endpointUid: string;
}

export interface NodeRow {
  readonly name: string;
}

/** Revisions of the streams that a node reports. */
export interface NodeState {
  readonly identities: Revision;
  readonly endpoints: Revision;
  readonly nodes: Revision;
}

/** What a node has said, as the script `reports` keeps it. */
export interface ReportRecord {
  readonly registration: bigint;
  readonly leaseEndMs: number;
  readonly identities: Revision;
  readonly endpoints: Revision;
  readonly nodes: Revision;
  readonly missedIdentities: Revision;
  readonly missedEndpoints: Revision;
}

/** The record as text: see the README of apps/identity-allocator. */
export function formatReport(record: ReportRecord): string {
  const { registration, leaseEndMs, identities, endpoints, nodes, missedIdentities, missedEndpoints } = record;
  const revisions = [identities, endpoints, nodes, missedIdentities, missedEndpoints];
  return [registration, leaseEndMs, ...revisions.map(({ incarnation, counter }) => `${incarnation} ${counter}`)].join(' ');
}

/** What the allocator holds for an endpoint; its addresses are published under the first number. */
export interface HeldEndpoint {
  readonly numbers: readonly number[];
  readonly registration: bigint;
  readonly addresses: readonly string[];
}

export type Allocated =
  | { readonly outcome: 'ok'; readonly number: number; readonly identityRevision: Revision; readonly endpointRevision: Revision }
  | { readonly outcome: 'outside' | 'taken' | 'exhausted' }
  | SessionRefusal;
export type Moved = { readonly outcome: 'ok'; readonly endpointRevision: Revision } | { readonly outcome: 'unheld' } | SessionRefusal;

/** What an allocation is asked for. `preferred`: numbers to try first. */
export interface EndpointClaim {
  readonly uid: string;
  readonly labels: string;
  readonly addresses: readonly string[];
  readonly preferred: readonly number[];
}

export interface RegistryOptions {
  readonly incarnation: bigint;
  /** Redis' clock, in milliseconds. */
  readonly nowMs: () => number;
  readonly leaseMs: number;
  readonly quarantineMs: number;
  /** Numbers that there are. */
  readonly numbers: { readonly first: number; readonly count: number };
  /** ipam's blocks, in the same Redis: whose the block of an address is; null: nobody's. */
  readonly nodeOfBlock: (address: string) => string | null;
  /** Told of each node that peers begin to see, and what it must have applied. */
  readonly onVisible?: (node: string, behind: NodeState) => void;
  /** Told of each report that is written, null: the node was taken away; and its place among them. */
  readonly onReport?: (node: string, record: string | null, order: number) => void;
}
