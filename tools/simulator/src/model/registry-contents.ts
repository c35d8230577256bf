import { type Revision, zeroRevision } from '@myelin/revision';
import type { HeldEndpoint, NodeState, ReportRecord } from './registry-types.ts';

/** `behind`: what a node that is not visible must have applied first. */
export interface Session {
  readonly registration: bigint;
  counter: bigint;
  behind: NodeState | null;
}

/** What Redis holds for the allocator beside the rows of its streams: all of it is lost at once. The README of apps/identity-allocator has the keys. */
export interface RegistryContents {
  readonly sets: Map<string, number>;
  readonly former: Map<number, string>;
  readonly freed: Map<number, { readonly atMs: number; readonly removal: Revision }>;
  readonly references: Map<number, Set<string>>;
  readonly held: Map<string, Map<string, HeldEndpoint>>;
  readonly sessions: Map<string, Session>;
  readonly reports: Map<string, ReportRecord>;
  departed: Revision;
  registrations: bigint;
}

export const emptyContents = (): RegistryContents => ({
  sets: new Map(),
  former: new Map(),
  freed: new Map(),
  references: new Map(),
  held: new Map(),
  sessions: new Map(),
  reports: new Map(),
  departed: zeroRevision,
  registrations: 0n,
});

/** A node that has said nothing yet. */
export const newReport = (registration: bigint, leaseEndMs: number): ReportRecord => ({
  registration,
  leaseEndMs,
  identities: zeroRevision,
  endpoints: zeroRevision,
  nodes: zeroRevision,
  missedIdentities: zeroRevision,
  missedEndpoints: zeroRevision,
});
