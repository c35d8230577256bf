import { Endpoint } from '@myelin/contracts/flow';
import { describe, expect, it } from 'vitest';
import { everyEvent, mayPass, passesIdentities, readVerdicts } from './event-filter.ts';
import { EventLog } from './event-log.ts';

const event = { verdict: 2, protocol: 6, sourceIdentity: 300, destinationIdentity: 301, sourcePort: 40000, destinationPort: 80 };

describe('mayPass', () => {
  it('lets everything pass that nothing is asked of', () => {
    expect(mayPass(everyEvent, event)).toBe(true);
  });
  it('takes the values of one filter as alternatives, at either end', () => {
    expect(mayPass({ ...everyEvent, identities: [999, 301] }, event)).toBe(true);
    expect(mayPass({ ...everyEvent, ports: [40000] }, event)).toBe(true);
    expect(mayPass({ ...everyEvent, ports: [81] }, event)).toBe(false);
  });
  it('knows a prefix outside by the number that flows show it with', () => {
    expect(mayPass({ ...everyEvent, identities: [2] }, { ...event, destinationIdentity: 16777217 })).toBe(true);
    expect(mayPass({ ...everyEvent, identities: [16777217] }, { ...event, destinationIdentity: 16777217 })).toBe(false);
  });
  it('leaves an end that the kernel did not look up to its name', () => {
    expect(mayPass({ ...everyEvent, identities: [301] }, { ...event, destinationIdentity: 0 })).toBe(true);
    const named = (identity: number) => ({
      source: Endpoint.fromPartial({ identity: 300 }),
      destination: Endpoint.fromPartial({ identity }),
    });
    expect(passesIdentities({ identities: [301] }, named(301))).toBe(true);
    expect(passesIdentities({ identities: [301] }, named(2))).toBe(false);
    expect(passesIdentities({ identities: [] }, named(2))).toBe(true);
  });
  it('takes no type of an ICMP message for a port', () => {
    expect(mayPass({ ...everyEvent, ports: [8] }, { ...event, protocol: 1, sourcePort: 8, destinationPort: 0 })).toBe(false);
  });
  it('wants all filters to agree', () => {
    expect(mayPass({ verdicts: [1], identities: [300], ports: [80] }, event)).toBe(false);
    expect(mayPass({ verdicts: [2], identities: [300], ports: [80] }, event)).toBe(true);
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
