import type { CompiledPolicy, Direction } from '@myelin/policy-model';
import type { Revision } from '@myelin/revision';
import { decides } from './policy.ts';

/** An endpoint that is in force: what its packets say. `acknowledged`: nodes that the wait before it opened was for and that were in time. */
export interface OpenEndpoint {
  readonly uid: string;
  readonly node: string;
  readonly identity: number;
  /** Of its number's row. */
  readonly revision: Revision;
  /** What the number was given for. */
  readonly labels: string;
  readonly address: string;
  readonly acknowledged: ReadonlySet<string>;
  /** Whether its address was waited for, too. */
  readonly isAddressKnown: boolean;
}

/** What a node's kernel holds; it outlives the agent. */
export class Kernel {
  /** Identities that are applied (D5). */
  readonly bits = new Set<number>();
  readonly policies = new Map<number, CompiledPolicy>();
  /** Whose an address is. */
  readonly addresses = new Map<string, { readonly identity: number; readonly node: string }>();
  /** Other nodes that are known: packets go to them and are taken from them. */
  readonly nodes = new Set<string>();
  readonly endpoints = new Map<string, OpenEndpoint>();
  /** Policy revision (counter) that the maps stand for. */
  policyAt = 0;
  /** Changes whenever anything does. */
  version = 0;

  /** Whether a packet between an endpoint of this node, of identity `subject`, and a peer is let through in one direction of the subject's. */
  verdict(direction: Direction, subject: number, peer: number): 'allowed' | 'denied' | 'no policy' | 'not applied' {
    const policy = this.policies.get(subject);
    if (policy === undefined) return 'no policy';
    if (!this.bits.has(peer)) return 'not applied';
    return decides(policy[direction], peer) ? 'allowed' : 'denied';
  }
}
