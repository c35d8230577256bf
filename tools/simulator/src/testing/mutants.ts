import { advanceRelay, type Place, type QueuedWrite, type RelayAnswers, type RelayState } from '@myelin/outbox';
import { type Bucket, formatBucket } from '@myelin/state-stream';
import { type Condition, NatsModel, type Stream } from '../model/nats.ts';
import { RedisModel, type Row } from '../model/redis.ts';
import type { RelayDecision } from '../replica.ts';

// Worlds with one rule taken out.

/** The condition of a put is on its key, not on the stream. */
export class ConditionOnKey extends NatsModel {
  protected override holds(stream: Stream, key: string, isMarker: boolean, { last }: Condition): boolean {
    return stream.messages.every((message) => message.key !== key || message.isMarker !== isMarker || message.sequence <= last);
  }
}

/** A bucket that was lost comes again under its name. */
export class SameNameAfterLoss extends RedisModel {
  protected override nextNumber(): number {
    return 1;
  }
}

/** There is one bucket for all incarnations. */
export class OneBucket extends NatsModel {
  protected override nameOf(): string {
    return 'k';
  }
}

/** An operator's word holds in whatever incarnation it arrives. */
export class AcceptsAnyway extends RedisModel {
  protected override isNamed(): boolean {
    return true;
  }
}

/** A bucket counts as whole from its beginning. */
export class WholeAtOnce extends NatsModel {
  override create(bucket: Bucket): void {
    super.create(bucket);
    const revision = { incarnation: bucket.incarnation, counter: 0n };
    this.put(bucket, { key: '', entry: { type: 'end', bucket: formatBucket(bucket), revision } }, '', { last: 0, predecessor: null });
  }
}

/** A relay's script runs under whatever incarnation there is. */
export class AcknowledgedAnyway extends RedisModel {
  override acknowledge(place: Place, last: QueuedWrite): boolean {
    return super.acknowledge({ ...place, bucket: { ...place.bucket, incarnation: this.incarnation! } }, last);
  }
}

/** A relay takes rows of any incarnation for its bucket. */
export const carriesAll: RelayDecision = (state: RelayState, answer) => {
  if (state.does !== 'fetch') return advanceRelay(state, answer);
  const { incarnation } = state.place.bucket;
  return advanceRelay(
    state,
    (answer as readonly QueuedWrite[]).map((entry) => ({ ...entry, incarnation })),
  );
};

/** Nobody looks whether the bucket still holds all rows. */
export const neverReconciles: RelayDecision = (state: RelayState, answer) => {
  if (state.does !== 'hold lease' || state.place === null) return advanceRelay(state, answer);
  const reconciling = { cursor: '0', begunAtMs: Number.POSITIVE_INFINITY };
  return advanceRelay({ ...state, place: { ...state.place, reconciling } }, answer);
};

/** Nobody remembers how long the stream was. */
export class NoLength extends RedisModel {
  override recall(incarnation: bigint) {
    return { ...super.recall(incarnation), sequence: 0 };
  }
}

/** Every tombstone but the kind's last change may go. */
export class PurgesTheLast extends RedisModel {
  protected override isBehind(revision: RedisModel['revision']): boolean {
    return revision.counter !== this.revision.counter;
  }
}

/** A tombstone's time counts from the removal. */
export class CountsFromRemoval extends RedisModel {
  protected override hasWaited({ removedAtMs }: Row, _sampled: bigint | null, keepMs: number): boolean {
    return removedAtMs <= this.nowMs() - keepMs;
  }
}

/** Everybody has the lease. */
export class NoLease extends RedisModel {
  override holdLease(incarnation: bigint, owner: string): RelayAnswers['hold lease'] {
    return super.holdLease(incarnation, owner, 0, true);
  }
}
