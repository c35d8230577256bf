/** One life of a kind's stream: a new incarnation when Redis lost its data, the next number within it when NATS did (design C2, C3). */
export interface Bucket {
  readonly kind: string;
  readonly incarnation: bigint;
  readonly number: number;
}

/** `kind_incarnation_n`, the name of the key-value bucket. */
export function formatBucket({ kind, incarnation, number }: Bucket): string {
  return `${kind}_${incarnation}_${number}`;
}

/** Reads a bucket's name; null for the name of something else. */
export function parseBucket(text: string): Bucket | null {
  const match = /^([a-z][a-z-]*)_([1-9]\d*)_([1-9]\d*)$/.exec(text);
  return match === null ? null : { kind: match[1]!, incarnation: BigInt(match[2]!), number: Number(match[3]) };
}

/** Order of one kind's buckets: by incarnation, then by number. */
export function compareBuckets(a: Bucket, b: Bucket): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.number - b.number;
}

const streamPrefix = 'KV_';

/** The JetStream stream behind a bucket. */
export function streamOf(bucket: Bucket): string {
  return `${streamPrefix}${formatBucket(bucket)}`;
}

/** The bucket behind a stream's name; null for streams of others. */
export function bucketOfStream(name: string): Bucket | null {
  return name.startsWith(streamPrefix) ? parseBucket(name.slice(streamPrefix.length)) : null;
}

/** Subject of one key (as `encodeKey` gives it) of a bucket. */
export function subjectOf(bucket: Bucket, encodedKey: string): string {
  return `$KV.${formatBucket(bucket)}.${encodedKey}`;
}

/** The encoded key in a message's subject. */
export function keyOfSubject(bucket: Bucket, subject: string): string {
  return subject.slice(subjectOf(bucket, '').length);
}
