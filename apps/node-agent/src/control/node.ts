import type { GetStatusResponse } from '@myelin/contracts/agent';
import type { Datapath } from '@myelin/datapath';
import type { Endpoints } from './endpoints.ts';
import type { Flows } from './flows.ts';
import type { Policies } from './policies.ts';

/** A running node, as its service shows it. */
export interface Node {
  readonly name: string;
  readonly endpoints: Endpoints;
  readonly policies: Policies;
  readonly flows: Flows;
  /** The kernel's tables, to be read. */
  readonly tables: Datapath;
  status(): GetStatusResponse;
}
