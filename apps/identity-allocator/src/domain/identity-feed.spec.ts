import { describe, expect, it } from 'vitest';
import { IdentityFeed } from './identity-feed.ts';

const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
const changed = (number: number, counter: number) => ({
  key: `${number}`,
  row: { number, labels: [`k8s:v=${counter}`] },
  revision: at(counter),
});
const removed = (number: number, counter: number) => ({ key: `${number}`, revision: at(counter) });
const batch = (change: ReturnType<typeof changed>[], removal: ReturnType<typeof removed>[], reached: number) => ({
  changed: change,
  removed: removal,
  revision: at(reached),
  snapshotComplete: true as const,
});
const told = (messages: ReturnType<ReturnType<IdentityFeed['watch']>['take']>) =>
  messages.map(({ event, revision }) => [
    event?.$case === 'updated' ? event.value.number : event?.$case === 'removed' ? -event.value : 'end',
    Number(revision!.counter),
  ]);

describe('a watcher', () => {
  it('that is early is told of all and of the end once they are known, then of changes', () => {
    const feed = new IdentityFeed();
    const watcher = feed.watch();
    expect(watcher.take()).toEqual([]);
    feed.apply(batch([changed(300, 1), changed(301, 2)], [], 2));
    expect(told(watcher.take())).toEqual([
      [300, 1],
      [301, 2],
      ['end', 2],
    ]);
    feed.apply(batch([], [removed(300, 3)], 3));
    expect(told(watcher.take())).toEqual([[-300, 3]]);
    expect(watcher.take()).toEqual([]);
  });

  it('that comes later is told of what is there, and of the end at once', () => {
    const feed = new IdentityFeed();
    feed.apply(batch([changed(300, 1), changed(301, 2)], [], 2));
    feed.apply(batch([], [removed(300, 3)], 3));
    expect(told(feed.watch().take())).toEqual([
      [301, 2],
      ['end', 3],
    ]);
    expect(feed.size).toBe(1);
  });

  it('that reads slowly is told of the last change of a number only, and costs no more', () => {
    const feed = new IdentityFeed();
    const watcher = feed.watch();
    for (let i = 1; i <= 1000; i++) feed.apply(batch([changed(300 + (i % 2), i)], [], i));
    feed.apply(batch([], [removed(300, 1001)], 1001));
    expect(told(watcher.take()).slice(0, 2)).toEqual([
      [301, 999],
      [-300, 1001],
    ]);
  });

  it('is woken by news, and by nothing after it has closed', () => {
    const feed = new IdentityFeed();
    const watcher = feed.watch();
    let woken = 0;
    watcher.onNews = () => woken++;
    feed.apply(batch([changed(300, 1)], [], 1));
    expect(woken).toBeGreaterThan(0);
    woken = 0;
    watcher.close();
    feed.apply(batch([changed(301, 2)], [], 2));
    expect(woken).toBe(0);
  });
});
