import type { CompiledPolicy } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { type CompiledView, Subscription, type SubscriptionMessage, type SubscriptionRequest } from './subscription.ts';

const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
const open = { isolated: false, isolatedBy: [], entries: [] };
const policy = (identity: number, digest: string): CompiledPolicy => ({ identity, digest, ingress: open, egress: open });

/** A view at (p, i) in which each identity has the digest given. */
function view(p: number, i: number, digests: Record<number, string>): CompiledView {
  const policies = new Map(Object.entries(digests).map(([identity, digest]) => [Number(identity), policy(Number(identity), digest)]));
  return {
    policyRevision: at(p),
    identityRevision: at(i),
    identities: new Set(policies.keys()),
    problems: [],
    compiled: (identity) => policies.get(identity),
  };
}
const asks = (subjects: number[], p = 0, i = 0, held: [number, string][] = []): SubscriptionRequest => ({
  subjects,
  policyRevision: at(p),
  identityRevision: at(i),
  held: new Map(held),
});
const short = (messages: readonly SubscriptionMessage[]) =>
  messages.map((message) => {
    if (message.kind === 'policy') return `policy ${message.policy.identity}=${message.policy.digest}`;
    if (message.kind === 'removed') return `removed ${message.identity}`;
    return `bookmark ${message.policyRevision.counter}/${message.identityRevision.counter} +[${message.included}] -[${message.dropped}]${message.complete ? ' complete' : ''} request ${message.request}`;
  });

describe('Subscription', () => {
  it('says nothing before the node has asked', () => {
    expect(new Subscription().flush(view(1, 1, { 300: 'a' }))).toEqual([]);
  });

  it('answers with the policies asked for and a complete bookmark that includes every identity', () => {
    const subscription = new Subscription();
    subscription.request(asks([300]));
    expect(short(subscription.flush(view(1, 2, { 300: 'a', 301: 'b' })))).toEqual([
      'policy 300=a',
      'bookmark 1/2 +[300,301] -[] complete request 1',
    ]);
  });

  it('C3: waits until both revisions asked for are reached, each by itself', () => {
    const subscription = new Subscription();
    subscription.request(asks([300], 5, 7));
    expect(subscription.flush(view(9, 6, { 300: 'a' }))).toEqual([]);
    expect(subscription.flush(view(4, 9, { 300: 'a' }))).toEqual([]);
    expect(short(subscription.flush(view(5, 7, { 300: 'a' })))).toHaveLength(2);
  });

  it('sends a bookmark, and nothing else, where a revision moved but nothing of this node changed', () => {
    const subscription = new Subscription();
    subscription.request(asks([300]));
    subscription.flush(view(1, 1, { 300: 'a' }));
    subscription.viewChanged({ subjects: [999], included: [], dropped: [] });
    expect(short(subscription.flush(view(2, 1, { 300: 'a' })))).toEqual(['bookmark 2/1 +[] -[] request 1']);
    expect(subscription.flush(view(2, 1, { 300: 'a' }))).toEqual([]);
  });

  it('sends only the newest of several changes, and none that came back to what the node holds', () => {
    const subscription = new Subscription();
    subscription.request(asks([300, 301]));
    subscription.flush(view(1, 1, { 300: 'a', 301: 'x' }));
    for (const identity of [300, 301, 301]) subscription.viewChanged({ subjects: [identity], included: [], dropped: [] });
    expect(short(subscription.flush(view(4, 1, { 300: 'c', 301: 'x' })))).toEqual(['policy 300=c', 'bookmark 4/1 +[] -[] request 1']);
  });

  it('does not send again what the node says it holds', () => {
    const subscription = new Subscription();
    subscription.request(
      asks([300, 301], 0, 0, [
        [300, 'a'],
        [301, 'old'],
      ]),
    );
    expect(short(subscription.flush(view(1, 1, { 300: 'a', 301: 'b' })))).toEqual([
      'policy 301=b',
      'bookmark 1/1 +[300,301] -[] complete request 1',
    ]);
  });

  it('removes a held policy that is no longer a subject, and an identity that nobody has', () => {
    const subscription = new Subscription();
    subscription.request(asks([301], 0, 0, [[300, 'a']]));
    expect(short(subscription.flush(view(1, 1, {})))).toEqual(['removed 300', 'removed 301', 'bookmark 1/1 +[] -[] complete request 1']);
  });

  it('answers a new request with what it adds and takes away', () => {
    const subscription = new Subscription();
    subscription.request(asks([300]));
    const now = view(1, 1, { 300: 'a', 301: 'b' });
    subscription.flush(now);
    subscription.request(asks([301]));
    expect(short(subscription.flush(now))).toEqual(['removed 300', 'policy 301=b', 'bookmark 1/1 +[] -[] request 2']);
  });

  it('C6: tells of identities that came and went between two bookmarks only by the difference', () => {
    const subscription = new Subscription();
    subscription.request(asks([]));
    subscription.flush(view(1, 1, { 300: 'a' }));
    subscription.viewChanged({ subjects: [], included: [301, 302], dropped: [300] });
    subscription.viewChanged({ subjects: [], included: [], dropped: [302] });
    expect(short(subscription.flush(view(1, 4, { 301: 'b' })))).toEqual(['bookmark 1/4 +[301] -[300] request 1']);
  });
});
