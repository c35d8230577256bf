import { MyelinError } from '@myelin/service';
import { describe, expect, it } from 'vitest';
import { type FollowState, follow } from './follow.ts';
import { Mailbox } from './mailbox.ts';

describe('following a stream', () => {
  it('opens it again after each end and error, says where it stands, and goes on until told to stop', async () => {
    const stop = new AbortController();
    const states: string[] = [];
    const messages: number[] = [];
    let attempt = 0;
    const onState = (state: FollowState) => states.push(state.state === 'broken' ? `broken: ${state.error.code}` : state.state);
    await follow({
      open: async function* () {
        attempt++;
        if (attempt === 1) throw new MyelinError('unavailable', 'not there');
        yield attempt;
        if (attempt === 3) throw new TypeError('nonsense');
      },
      onMessage: (message) => {
        messages.push(message);
        if (message === 4) stop.abort();
      },
      onState,
      signal: stop.signal,
      firstPauseMs: 1,
      longestPauseMs: 5,
    });
    expect(messages).toEqual([2, 3, 4]);
    expect(states).toEqual([
      ...['connecting', 'broken: unavailable'],
      ...['connecting', 'open', 'broken: unavailable'],
      ...['connecting', 'open', 'broken: internal'],
      ...['connecting', 'open'],
    ]);
  });

  it('takes the next message only when the last one is done with', async () => {
    const stop = new AbortController();
    const log: string[] = [];
    await follow({
      open: async function* () {
        for (const message of [1, 2]) {
          log.push(`sent ${message}`);
          yield message;
        }
        stop.abort();
      },
      onMessage: async (message) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push(`done ${message}`);
      },
      signal: stop.signal,
    });
    expect(log).toEqual(['sent 1', 'done 1', 'sent 2', 'done 2']);
  });

  it('pauses longer with each failure and starts over once messages flow', async () => {
    const stop = new AbortController();
    const pauses: number[] = [];
    let attempt = 0;
    await follow({
      open: async function* () {
        attempt++;
        if (attempt === 12) yield attempt;
      },
      onMessage: () => {},
      onState: (state) => {
        if (state.state === 'broken') pauses.push(state.retryInMs);
        if (pauses.length === 13) stop.abort();
      },
      signal: stop.signal,
      firstPauseMs: 1,
      longestPauseMs: 40,
    });
    expect(Math.max(...pauses)).toBeLessThanOrEqual(40);
    expect(Math.max(...pauses.slice(6, 11))).toBeGreaterThan(pauses[11]!);
  });
});

describe('a mailbox', () => {
  const readAll = async <T>(mailbox: Mailbox<T>) => {
    const seen: T[] = [];
    for await (const message of mailbox) seen.push(message);
    return seen;
  };

  it('gives what was pushed before and while it is read, then ends', async () => {
    const mailbox = new Mailbox<number>();
    mailbox.push(1);
    const all = readAll(mailbox);
    await Promise.resolve();
    mailbox.push(2);
    setTimeout(() => {
      mailbox.push(3);
      mailbox.close();
      mailbox.push(4);
    }, 5);
    expect(await all).toEqual([1, 2, 3]);
  });

  it('throws what it failed with, after what came before', async () => {
    const mailbox = new Mailbox<number>();
    mailbox.push(1);
    mailbox.fail(new Error('broken'));
    const iterator = mailbox[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await expect(iterator.next()).rejects.toThrow('broken');
  });

  it('holds its source back while too much waits, and lets it go on when little does', async () => {
    const flow: boolean[] = [];
    const mailbox = new Mailbox<number>({ flow: (go) => flow.push(go) });
    for (let i = 0; i < 300; i++) mailbox.push(i);
    expect(flow).toEqual([false]);
    mailbox.close();
    expect(await readAll(mailbox)).toHaveLength(300);
    expect(flow).toEqual([false, true]);
  });

  it('tells when its reader leaves', async () => {
    let left = false;
    const mailbox = new Mailbox<number>({
      onReturn: () => {
        left = true;
      },
    });
    mailbox.push(1);
    for await (const _ of mailbox) break;
    expect(left).toBe(true);
  });
});
