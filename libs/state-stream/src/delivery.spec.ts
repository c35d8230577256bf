import { describe, expect, it } from 'vitest';
import type { RowChange } from './consumer-state.ts';
import { Delivery } from './delivery.ts';
import { mayResume, TombstoneMemory, tombstonesLiveMs } from './retention.ts';

const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
const change = (key: string, counter: number): RowChange => ({ key, revision: at(counter), payload: Buffer.from([counter]) });
const settledAt = (counter: number) => ({ isSettled: true, reached: at(counter) });
const told = (delivery: Delivery, reading = settledAt(9)) =>
  delivery.begin(reading)?.changes.map(({ key, revision }) => `${key}@${revision.counter}`);

describe('a delivery', () => {
  it('waits until what was read is a state of the publisher', () => {
    const delivery = new Delivery();
    delivery.collect([change('a', 1)]);
    expect(delivery.begin({ isSettled: false, reached: null })).toBeNull();
    expect(told(delivery, settledAt(1))).toEqual(['a@1']);
  });

  it('hands over one batch at a time, the last change of each key', () => {
    const delivery = new Delivery();
    delivery.collect([change('a', 1), change('b', 2), change('a', 3)]);
    expect(told(delivery)).toEqual(['a@3', 'b@2']);
    delivery.collect([change('c', 4)]);
    expect(told(delivery)).toBeUndefined();
    delivery.succeed();
    expect(told(delivery)).toEqual(['c@4']);
  });

  it('gives what was refused again, under what has come since', () => {
    const delivery = new Delivery();
    delivery.collect([change('a', 1), change('b', 2)]);
    delivery.begin(settledAt(2));
    delivery.collect([change('a', 3)]);
    delivery.fail();
    expect(delivery.handled).toBeNull();
    expect(told(delivery)?.sort()).toEqual(['a@3', 'b@2']);
    delivery.succeed();
    expect(delivery.handled).toEqual(at(9));
  });

  it('tells of a revision at which nothing changed, once', () => {
    const delivery = new Delivery();
    const reading = settledAt(5);
    expect(told(delivery, reading)).toEqual([]);
    delivery.succeed();
    expect(delivery.begin(reading)).toBeNull();
  });
});

describe('tombstones', () => {
  it('are forgotten an hour after everything up to them had been read', () => {
    const memory = new TombstoneMemory();
    expect(memory.expired(0, null)).toBeNull();
    expect(memory.expired(0, at(5))).toBeNull();
    expect(memory.expired(tombstonesLiveMs, at(7))).toBeNull();
    expect(memory.expired(tombstonesLiveMs + 1, at(8))).toEqual(at(5));
    expect(memory.expired(2 * tombstonesLiveMs, at(9))).toBeNull();
    expect(memory.expired(2 * tombstonesLiveMs + 2, at(9))).toEqual(at(8));
  });

  it('may be missed by whoever was away for as long as they live, so half of it is the limit', () => {
    expect(mayResume(tombstonesLiveMs / 2)).toBe(true);
    expect(mayResume(tombstonesLiveMs / 2 + 1)).toBe(false);
  });
});
