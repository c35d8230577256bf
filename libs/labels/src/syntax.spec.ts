import { describe, expect, it } from 'vitest';
import { expectedDnsLabel, expectedDnsSubdomain, expectedLabelKey, expectedLabelValue, expectedPortName } from './syntax.ts';

const long = (length: number) => 'a'.repeat(length);

describe('Kubernetes syntax', () => {
  it.each([
    [expectedDnsLabel, ['a', 'a-1', long(63)], ['', 'A', '-a', 'a-', 'a.b', long(64)]],
    [expectedDnsSubdomain, ['a', 'a.b-c', long(253)], ['', 'a..b', 'A.b', '.a', long(254)]],
    [
      expectedLabelKey,
      ['a', 'A_b.c', 'k8s.io/app', 'io.kubernetes.pod.namespace', long(63)],
      ['', 'a/', '/a', 'a b', 'A.b/c', 'a/b/c', long(64)],
    ],
    [expectedLabelValue, ['', 'a', 'A_b.c-1', long(63)], ['-a', 'a b', 'a/b', long(64)]],
    [expectedPortName, ['http', 'a', 'x-9'], ['', '80', 'HTTP', 'a--b', '-a', long(16)]],
  ])('of %o accepts what Kubernetes accepts and says what is expected else', (check, good, bad) => {
    for (const text of good) expect(check(text), text).toBeNull();
    for (const text of bad) expect(check(text), text).toMatch(/\w+ /);
  });
});
