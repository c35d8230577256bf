import type { Protocol, RuleOrigin } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { dropRedundant, fold, type Say } from './fold.ts';

const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: '' } as const;
const rules = ['a', 'b', 'c'].map((name): RuleOrigin => ({ policy: { ...policy, name }, section: 'ingress', specIndex: 0, ruleIndex: 0 }));
const say = (text: string): Say => {
  const [verdict, rule, protocol, first, last = first] = text.split(' ');
  return {
    verdict: verdict as 'allow' | 'deny',
    protocol: protocol === undefined ? null : (protocol as Protocol),
    ports: first === undefined ? null : { first: Number(first), last: Number(last) },
    origins: rules.filter(({ policy: { name } }) => name === rule),
  };
};
const namesOf = (origins: readonly RuleOrigin[]) => [...new Set(origins.map(({ policy: { name } }) => name))].sort().join('');
const folded = (...texts: string[]) =>
  dropRedundant(
    fold(texts.map(say)).map(({ protocol, port, verdict, origins }) => ({
      protocol,
      port,
      text: `${verdict} ${namesOf(origins)}`,
    })),
    (a, b) => a.text === b.text,
  ).map(({ protocol, port, text }) => `${protocol ?? '*'} ${port === null ? '*' : `${port.port}/${port.bits}`} ${text}`);

describe('folding', () => {
  it('puts a wider saying into the narrower one: deny beats allow on both sides', () => {
    expect(folded('allow a', 'deny b TCP 80')).toEqual(['* * allow a', '6 80/16 deny b']);
    expect(folded('deny a', 'allow b TCP 80')).toEqual(['* * deny a']);
  });

  it('names all rules that agree on a match', () => {
    expect(folded('allow a', 'allow b TCP', 'allow c TCP 80')).toEqual(['* * allow a', '6 * allow ab', '6 80/16 allow abc']);
    expect(folded('deny a TCP', 'deny b TCP 80', 'allow c')).toEqual(['* * allow c', '6 * deny a', '6 80/16 deny ab']);
  });

  it('leaves out what a wider entry says as well', () => {
    expect(folded('allow a', 'allow a TCP 80', 'allow a UDP')).toEqual(['* * allow a']);
    expect(folded('allow a TCP', 'allow a TCP 80', 'allow a UDP')).toEqual(['6 * allow a', '17 * allow a']);
  });

  it('takes a range for its blocks, and overlapping ranges for theirs', () => {
    expect(folded('allow a TCP 80 83', 'deny b TCP 82 84')).toEqual(['6 80/14 allow a', '6 82/15 deny b', '6 84/16 deny b']);
  });

  it('keeps protocols apart', () => {
    expect(folded('deny a UDP', 'allow b TCP 53', 'allow c ICMPv6')).toEqual(['6 53/16 allow b', '17 * deny a', '58 * allow c']);
  });
});
