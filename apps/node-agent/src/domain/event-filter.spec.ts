import { describe, expect, it } from 'vitest';
import { everyEvent, passesFilter, readVerdicts } from './event-filter.ts';
import { EventLog } from './event-log.ts';

const event = { verdict: 2, sourceIdentity: 300, destinationIdentity: 301, sourcePort: 40000, destinationPort: 80 };

describe('passesFilter', () => {
  it('lets everything pass that nothing is asked of', () => {
    expect(passesFilter(everyEvent, event)).toBe(true);
  });
  it('takes the values of one filter as alternatives, at either end', () => {
    expect(passesFilter({ ...everyEvent, identities: [999, 301] }, event)).toBe(true);
    expect(passesFilter({ ...everyEvent, ports: [40000] }, event)).toBe(true);
    expect(passesFilter({ ...everyEvent, ports: [81] }, event)).toBe(false);
  });
  it('wants all filters to agree', () => {
    expect(passesFilter({ verdicts: [1], identities: [300], ports: [80] }, event)).toBe(false);
    expect(passesFilter({ verdicts: [2], identities: [300], ports: [80] }, event)).toBe(true);
  });
});

describe('readVerdicts', () => {
  it('tells names that are none apart', () => {
    expect(readVerdicts(['DROPPED', 'FORWARDED', 'dropped', 'toString'])).toEqual({ verdicts: [2, 1], unknown: ['dropped', 'toString'] });
  });
});

describe('EventLog', () => {
  const texts = (log: EventLog) => [...log.records()].map((record) => record.toString());
  it('gives the last records, oldest first', () => {
    const log = new EventLog(3, 2);
    expect(texts(log)).toEqual([]);
    for (const text of ['aa', 'bb']) log.add(Buffer.from(text));
    expect(texts(log)).toEqual(['aa', 'bb']);
    for (const text of ['cc', 'dd', 'ee']) log.add(Buffer.from(text));
    expect(texts(log)).toEqual(['cc', 'dd', 'ee']);
  });
});
