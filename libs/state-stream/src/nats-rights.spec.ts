import { expect, it } from 'vitest';
import { allWays, natsAccounts, natsRole, wayToKind } from './nats-rights.ts';

const role = (name: string) => natsRole({ kind: 'service', name });

it('a kind is at home with who publishes it, and elsewhere for who only reads it', () => {
  expect(wayToKind(role('identity-allocator'), 'endpoints').api).toBe('$JS.API');
  expect(wayToKind(role('policy-compiler'), 'policies').api).toBe('$JS.API');
  expect(wayToKind(role('policy-compiler'), 'identities')).toEqual({
    api: 'identity.API',
    created: 'identity.$JS.EVENT.ADVISORY.STREAM.CREATED',
  });
  expect(wayToKind(natsRole({ kind: 'node', name: 'n1' }), 'nodes').api).toBe('$JS.API');
  expect(wayToKind(role('lb-controller'), 'services').api).toBe('$JS.API');
  expect(wayToKind(natsRole({ kind: 'node', name: 'n1' }), 'services').api).toBe('service.API');
  expect(wayToKind(null, 'policies').api).toBe('$JS.API');
  expect(allWays(role('ipam')).map(({ api }) => api)).toEqual(['$JS.API', 'policy.API', 'service.API']);
  expect(allWays(null).map(({ api }) => api)).toEqual(['$JS.API']);
});

it('no pattern of what one account shows the other covers another one: nats-server 2.9 would send such a call twice, and rows would be missed', () => {
  const covers = (a: readonly string[], b: readonly string[]): boolean => {
    if (a[0] === '>') return b.length > 0;
    if (a.length === 0 || b.length === 0) return a.length === b.length;
    return (a[0] === '*' || b[0] === '*' || a[0] === b[0]) && covers(a.slice(1), b.slice(1));
  };
  let account = '';
  const exported = natsAccounts()
    .split('\n')
    .flatMap((line) => {
      account = /^ {2}(\w+): \{$/.exec(line)?.[1] ?? account;
      const [, pattern, to] = /\{ service: "([^"]+)".*accounts: \[([\w, ]+)\]/.exec(line) ?? [];
      return pattern === undefined ? [] : to!.split(', ').map((by) => ({ pattern: pattern.split('.'), sight: `${account} to ${by}` }));
    });
  expect(new Set(exported.map(({ sight }) => sight)).size).toBe(6);
  expect(exported.length).toBeGreaterThanOrEqual(10);
  for (const [index, one] of exported.entries())
    for (const other of exported.slice(index + 1).filter(({ sight }) => sight === one.sight))
      expect(covers(one.pattern, other.pattern) || covers(other.pattern, one.pattern), `${one.pattern} ${other.pattern}`).toBe(false);
});
