import { parseLabel } from '@myelin/labels';
import { describe, expect, it } from 'vitest';
import { hasLabels, preferredNumbers, readLabelSet } from './label-set.ts';

describe('a label set', () => {
  it('is sorted, without doubles, each label in its one text', () => {
    expect(readLabelSet(['k8s:b=2', 'k8s:a=', 'k8s:b=2', 'container:c=3', 'named-port:http=80/TCP'])).toEqual({
      labels: ['container:c=3', 'k8s:a', 'k8s:b=2', 'named-port:http=80/TCP'],
    });
  });

  it.each([
    [[]],
    [['=x']],
    [['nobody:a=b']],
    [['reserved:host']],
    [['cidr:10.0.0.0/8']],
    [['fqdn:a.b']],
    [['any:a=b']],
    [['k8s:a=b', 'reserved:world']],
  ])('is not %j', (labels) => expect(readLabelSet(labels)).toEqual({ problem: expect.any(String) }));
});

describe('preferred numbers', () => {
  it('depend on the set alone and lie in the range of the cluster', () => {
    for (let i = 0; i < 2000; i++) {
      const numbers = preferredNumbers([`k8s:app=${i}`]);
      expect(new Set(numbers).size).toBe(numbers.length);
      for (const number of numbers) expect(number >= 256 && number <= 65535).toBe(true);
    }
  });

  it('are the same in every version: a changed function renumbers clusters that lost their state', () => {
    expect(preferredNumbers(['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'])[0]).toBe(28128);
  });

  it('are spread: of a thousand sets few share the first one', () => {
    const first = new Set(Array.from({ length: 1000 }, (_, i) => preferredNumbers([`k8s:app=${i}`])[0]));
    expect(first.size).toBeGreaterThan(970);
  });
});

describe('wanted labels', () => {
  const labels = ['container:tier=x', 'k8s:app=web', 'named-port:http=80/TCP'];
  it.each([
    [[], true],
    [['k8s:app=web'], true],
    [['app=web'], true],
    [['any:tier=x', 'k8s:app=web'], true],
    [['container:app=web'], false],
    [['k8s:app'], false],
    [['k8s:app=web', 'k8s:tier=x'], false],
    [['named-port:http=80/TCP'], false],
  ])('%j: %s', (wanted, expected) =>
    expect(
      hasLabels(
        labels,
        wanted.map((text) => parseLabel(text)!),
      ),
    ).toBe(expected),
  );
});
