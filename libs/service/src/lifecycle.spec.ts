import { describe, expect, it } from 'vitest';
import { type Component, Lifecycle } from './lifecycle.ts';
import { silentLog } from './log.ts';

function lifecycleOf(log: string[], components: readonly Partial<Component>[], stopDeadlineMs = 1000): Lifecycle {
  const named = components.map((component, i) => ({
    name: `${i}`,
    start: () => void log.push(`start ${i}`),
    stop: () => void log.push(`stop ${i}`),
    ...component,
  }));
  return new Lifecycle(named, { log: silentLog, stopDeadlineMs });
}

describe('a lifecycle', () => {
  it('starts in order and stops in reverse, once however often it is told', async () => {
    const log: string[] = [];
    const lifecycle = lifecycleOf(log, [{}, {}, {}]);
    await lifecycle.start();
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(log).toEqual(['start 0', 'start 1', 'start 2', 'stop 2', 'stop 1', 'stop 0']);
  });

  it('stops what had started when one fails, that one included, and throws its reason', async () => {
    const log: string[] = [];
    const failing = () => Promise.reject(new Error('port taken'));
    const lifecycle = lifecycleOf(log, [{}, { start: failing }, {}]);
    await expect(lifecycle.start()).rejects.toThrow('port taken');
    expect(log).toEqual(['start 0', 'stop 1', 'stop 0']);
  });

  it('stops starting when the signal aborts, and the component that is starting sees it', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const waiting = (signal: AbortSignal) => {
      abort.abort(new Error('told to stop'));
      expect(signal.aborted).toBe(true);
    };
    const lifecycle = lifecycleOf(log, [{}, { start: waiting }, {}]);
    await expect(lifecycle.start(abort.signal)).rejects.toThrow('told to stop');
    expect(log).toEqual(['start 0', 'stop 1', 'stop 0']);
  });

  it('stops the others when one fails or hangs, within the deadline altogether', async () => {
    const log: string[] = [];
    let cut = false;
    const hang = (signal: AbortSignal) =>
      new Promise<void>(() =>
        signal.addEventListener('abort', () => {
          cut = true;
        }),
      );
    const fail = () => Promise.reject(new Error('no'));
    const lifecycle = lifecycleOf(log, [{}, { stop: fail }, { stop: hang }, { stop: hang }], 50);
    await lifecycle.start();
    await lifecycle.stop();
    expect(cut).toBe(true);
    expect(log).toEqual(['start 0', 'start 1', 'start 2', 'start 3', 'stop 0']);
  });
});
