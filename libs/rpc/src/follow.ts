import { setTimeout as sleep } from 'node:timers/promises';
import { isMyelinError, MyelinError } from '@myelin/service';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';

/** Where a followed stream stands. `open` from the first message on. */
export type FollowState =
  | { readonly state: 'connecting' }
  | { readonly state: 'open' }
  | { readonly state: 'broken'; readonly error: MyelinError; readonly retryInMs: number };

/** How to follow a stream over every break. */
export interface FollowOptions<T> {
  /** Opens the stream anew: `signal => client.watch({}, { signal })`. Called once an attempt, so that it can say again what it wants. */
  readonly open: (signal: AbortSignal) => AsyncIterable<T>;
  /** Awaited before the next message is taken. What it throws breaks the stream like an error of the peer. */
  readonly onMessage: (message: T) => void | Promise<void>;
  readonly onState?: (state: FollowState) => void;
  /** Ends following. */
  readonly signal: AbortSignal;
  /** First and greatest pause between attempts; jittered. Defaults 100 and 2,000. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

const end = (error: unknown): MyelinError =>
  isMyelinError(error)
    ? error
    : new MyelinError('internal', `the stream's receiver failed: ${error instanceof Error ? error.message : error}`, { cause: error });

/** Reads a stream for ever, opening it again after each end or error, with growing pauses that start over once messages flow. Resolves when `signal` aborts. */
export async function follow<T>(options: FollowOptions<T>): Promise<void> {
  const { signal, onState } = options;
  const backoff = new ExponentialBackoff({ initialDelay: options.firstPauseMs ?? 100, maxDelay: options.longestPauseMs ?? 2000 });
  let pause: IBackoff<unknown> = backoff.next();
  while (!signal.aborted) {
    onState?.({ state: 'connecting' });
    let error = new MyelinError('unavailable', 'the peer ended the stream');
    let open = false;
    try {
      for await (const message of options.open(signal)) {
        if (!open) {
          open = true;
          pause = backoff.next();
          onState?.({ state: 'open' });
        }
        await options.onMessage(message);
      }
    } catch (thrown) {
      error = end(thrown);
    }
    if (signal.aborted) return;
    onState?.({ state: 'broken', error, retryInMs: pause.duration });
    await sleep(pause.duration, undefined, { signal }).catch(() => {});
    pause = pause.next(undefined);
  }
}
