import type { Claim } from '@myelin/identity-recovery';
import { type Applied, type Standing, Subscription, type SubscriptionMessage, type SubscriptionRequest } from '@myelin/identity-rules';
import { compareRevisions, includesRevision, type Revision, zeroRevision } from '@myelin/revision';
import { Agent } from '../cluster/agent.ts';
import { AllocatorReplica } from '../cluster/allocator.ts';
import type { Lost } from '../cluster/allocator-recovery.ts';
import { CompilerReplica } from '../cluster/compiler.ts';
import { atOnce, type Machine } from '../machine.ts';
import { RegistryModel } from '../model/registry.ts';
import type { Plan, PresentedRow } from '../model/registry-recovery.ts';
import type { CallerSession, SessionRefusal } from '../model/registry-types.ts';

// Clusters with one rule taken out.

/** A number is free when its quarantine is over, whatever nodes have applied. */
export class QuarantineByTimeAlone extends RegistryModel {
  protected override isAcknowledged(): boolean {
    return true;
  }
}

/** What a node reports of a greater incarnation than holds is taken as any other. */
export class NeverExceeds extends RegistryModel {
  protected override exceeds(): boolean {
    return false;
  }
}

/** The counter of a session is not looked at. */
export class NoCounter extends RegistryModel {
  protected override refuseSession(session: CallerSession): SessionRefusal | null {
    return super.refuseSession({ ...session, counter: 2n ** 62n });
  }
}

/** Whoever comes last has an address. */
export class LastComesFirst extends NoCounter {
  protected override mayTakeOver(): boolean {
    return true;
  }
}

/** Nobody asks whose an address' block is. */
export class AnyBlock extends RegistryModel {
  protected override isInBlockOf(): boolean {
    return true;
  }
}

/** An identity that there was already is applied everywhere. */
export class KnownIsApplied extends AllocatorReplica {
  protected override appliedByOthers(
    node: string,
    identities: Revision,
    at: { readonly before: Revision; readonly order: number },
  ): boolean {
    return includesRevision(at.before, identities) || super.appliedByOthers(node, identities, at);
  }
}

/** Only identities are waited for. */
export class IdentitiesAlone extends AllocatorReplica {
  protected override wanted(asked: Partial<Applied>): Applied {
    return { ...super.wanted(asked), endpoints: zeroRevision };
  }
}

/** A number is told before anybody has heard of it. */
export class AnswersAtOnce extends AllocatorReplica {
  protected override isAnnounced(): boolean {
    return true;
  }
}

/** After a loss nobody asks which assignment was the later one. */
export class AnyRevision extends AllocatorReplica {
  protected override plan(lost: Lost): Plan {
    const ofClaim = ({ uid, numbers }: Claim) => ({ uid, numbers: numbers.map((number) => ({ ...number, revision: zeroRevision })) });
    const claims = new Map([...lost.claims].map(([node, all]) => [node, all.map(ofClaim)]));
    const identities = new Map([...lost.identities].map(([key, { row }]) => [key, { revision: zeroRevision, row }]));
    return super.plan({ ...lost, identities, claims });
  }
}

/** What a replica has heard is all that there is. */
export class HeardIsAll extends AllocatorReplica {
  protected override refresh(): void {}

  protected override appliedByOthers(
    node: string,
    identities: Revision,
    at: { readonly before: Revision; readonly order: number },
  ): boolean {
    return super.appliedByOthers(node, identities, { ...at, order: 0 });
  }
}

/** A node is visible when it asks to be, whatever it has applied. */
export class VisibleAtOnce extends RegistryModel {
  protected override hasApplied(): boolean {
    return true;
  }
}

/** A node has itself seen by peers whatever its endpoints speak as. */
export class ActivatesUnclaimed extends Agent {
  protected override get hasClaimed(): boolean {
    return true;
  }
}

/** An endpoint whose number is another set's by now speaks on. */
export class SpeaksOn extends Agent {
  override get cutsOff(): boolean {
    return false;
  }
}

/** A node tells what its own endpoints hold, and not what it has read of others. */
export class TellsItsOwnAlone extends Agent {
  protected override known(rows: readonly PresentedRow[]): readonly PresentedRow[] {
    return rows.filter(({ kind }) => kind === 'nodes');
  }
}

/** A node claims by label sets, not by numbers. */
export class ClaimsBySet extends TellsItsOwnAlone {
  protected override claims(): readonly Claim[] {
    return super.claims().map(({ uid }) => ({ uid, numbers: [] }));
  }

  override claimed(): readonly number[] {
    return [];
  }
}

/** An address that was another's needs no wait. */
export class ReusesAtOnce extends Agent {
  override needed(...[assignment, circumstances]: Parameters<Agent['needed']>): ReturnType<Agent['needed']> {
    return super.needed(assignment, { ...circumstances, isReused: false });
  }
}

/** What the allocator has for endpoints that the node doesn't know stays. */
export class ReconcilesNever extends Agent {
  protected override reconcile(): void {}
}

/** A policy that is in the maps will do. */
export class AnyPolicyInTheMaps extends Agent {
  protected override isState(_identity: number, revision: Revision): boolean {
    return includesRevision(this.standing.reached, revision);
  }
}

/** An answer is complete for what its own request asked, whatever was asked since. */
export class EachRequestAlone extends Agent {
  protected override answered(request: number): readonly number[] {
    return this.asked[request - 1] ?? [];
  }

  protected override narrowed(): Standing {
    return this.standing;
  }
}

/** A new connection asks for no more than its endpoints need. */
export class GoesBack extends Agent {
  protected override get askedIdentity(): Revision {
    return zeroRevision;
  }
}

/** Nothing is applied while an endpoint of the node waits for others. */
export class WaitsBeforeItApplies extends Agent {
  protected override get mayApply(): boolean {
    return this.endpoints.machines.every(({ name }) => !name.endsWith(' others') || !this.endpoints.isWaiting(name.split(' ')[1]!));
  }
}

/** An agent that hears the stream of identities, too. */
class HearsIdentities extends Agent {
  #heard = 0;

  protected override extraMachines(): readonly Machine[] {
    const log = this.around.registry.identities;
    const hear = () => {
      const { key, row } = log.changes[this.#heard++]!;
      this.onIdentity(Number(key), row !== null);
      this.kernel.version++;
      return null;
    };
    return [
      {
        name: `${this.name} identities`,
        isLocal: true,
        begin: () => (this.#heard === log.published ? null : atOnce(hear)),
        answer: () => {},
        fail: () => {},
        describe: () => `is at ${this.#heard}`,
      },
    ];
  }

  protected onIdentity(_identity: number, _isThere: boolean): void {}
}

/** The stream of identities sets bits, the compiled stream clears them. */
export class SetsByEvent extends HearsIdentities {
  protected override onIdentity(identity: number, isThere: boolean): void {
    if (isThere) this.kernel.bits.add(identity);
  }
}

/** The compiled stream sets bits, the stream of identities clears them. */
export class ClearsByEvent extends HearsIdentities {
  protected override onIdentity(identity: number, isThere: boolean): void {
    if (!isThere) this.kernel.bits.delete(identity);
  }
}

/** Bits are set before the policies of the same state. */
export class BitsBeforePolicies extends Agent {
  protected override *stepsOf(...args: Parameters<Agent['stepsOf']>): ReturnType<Agent['stepsOf']> {
    const steps = [...super.stepsOf(...args)];
    yield* [...steps.filter(({ kind }) => kind === 'set bits'), ...steps.filter(({ kind }) => kind !== 'set bits')];
  }
}

type Bookmark = Extract<SubscriptionMessage, { readonly kind: 'bookmark' }>;

/** Policy and identity revision are one word: the policy's is looked at first. */
class OneWord extends Subscription {
  #asked: SubscriptionRequest | null = null;

  override request(request: SubscriptionRequest): void {
    this.#asked = request;
    super.request({ ...request, identityRevision: zeroRevision });
  }

  override flush(view: Parameters<Subscription['flush']>[0]): readonly SubscriptionMessage[] {
    const asked = this.#asked;
    if (asked === null) return [];
    const isBehind =
      compareRevisions(view.policyRevision, asked.policyRevision) === 0 && !includesRevision(view.identityRevision, asked.identityRevision);
    return isBehind ? [] : super.flush(view);
  }
}

export class ComparesOneWord extends CompilerReplica {
  protected override subscription(): Subscription {
    return new OneWord();
  }
}

/** The policy of a subject that was asked for is of the newest revisions, though the node is told that it is still at the last bookmark. */
class NewSubjectAtOnce extends Subscription {
  #last: Bookmark | null = null;
  #isNew = false;

  override request(request: SubscriptionRequest): void {
    this.#isNew = this.#last !== null;
    super.request(request);
  }

  override flush(view: Parameters<Subscription['flush']>[0]): readonly SubscriptionMessage[] {
    return super.flush(view).flatMap((message): readonly SubscriptionMessage[] => {
      if (message.kind !== 'bookmark') return [message];
      const last = this.#isNew ? this.#last : null;
      this.#last = message;
      this.#isNew = false;
      return last === null ? [message] : [{ ...last, included: [], dropped: [], complete: false, request: message.request }, message];
    });
  }
}

export class SendsNewSubjectsAtOnce extends CompilerReplica {
  protected override subscription(): Subscription {
    return new NewSubjectAtOnce();
  }
}
