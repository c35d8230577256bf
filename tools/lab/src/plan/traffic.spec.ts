import { describe, expect, it } from 'vitest';
import { FlowCount, faultOf } from './traffic.ts';

const count = (...replies: readonly number[]) => {
  const flow = new FlowCount(0);
  for (const at of replies) flow.heard(null, at);
  return flow;
};

describe('an exchange', () => {
  it('knows its longest silence, the first and the last one too', () => {
    expect(count(10, 20, 95, 105).close(4, 110)).toEqual({ asked: 4, replies: 4, longestGap: 75, ended: null });
    expect(count(200, 210).close(2, 215).longestGap).toBe(200);
    expect(count(10, 20).close(9, 420).longestGap).toBe(400);
  });

  it('that ended by itself says why, and its silence afterwards is no gap', () => {
    const flow = count(10, 20);
    flow.heard('refused', 30);
    expect(flow.close(3, 5000)).toEqual({ asked: 3, replies: 2, longestGap: 10, ended: 'refused' });
  });

  it.each([
    ['reply', 'UDP', { asked: 5, replies: 5, ended: null }, null],
    ['reply', 'UDP', { asked: 5, replies: 3, ended: null }, '2 lost'],
    ['reply', 'TCP', { asked: 5, replies: 3, ended: null }, null],
    ['reply', 'UDP', { asked: 5, replies: 0, ended: null }, 'no reply'],
    ['reply', 'UDP', { asked: 5, replies: 5, ended: 'refused' }, 'ended: refused'],
    ['none', 'TCP', { asked: 5, replies: 0, ended: null }, null],
    ['none', 'TCP', { asked: 0, replies: 0, ended: 'timeout' }, null],
    ['none', 'TCP', { asked: 5, replies: 1, ended: null }, '1 unpoliced'],
  ] as const)('expected to have "%s" by %s, with %j: %s', (expected, protocol, account, fault) => {
    expect(faultOf({ expect: expected, protocol }, { longestGap: 0, ...account })).toBe(fault);
  });
});
