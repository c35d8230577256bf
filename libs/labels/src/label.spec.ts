import { describe, expect, it } from 'vitest';
import { canonicalLabels, formatLabel, labelSetKey, parseLabel } from './label.ts';

describe('a label', () => {
  it.each([
    ['k8s:app=web', { source: 'k8s', key: 'app', value: 'web' }, 'k8s:app=web'],
    ['k8s:app=', { source: 'k8s', key: 'app', value: '' }, 'k8s:app'],
    ['reserved:host', { source: 'reserved', key: 'host', value: '' }, 'reserved:host'],
    ['app=a:b', { source: 'unspec', key: 'app', value: 'a:b' }, 'unspec:app=a:b'],
    ['k8s:io.kubernetes/x=a=b', { source: 'k8s', key: 'io.kubernetes/x', value: 'a=b' }, 'k8s:io.kubernetes/x=a=b'],
    ['named-port:http=80/TCP', { source: 'named-port', key: 'http', value: '80/TCP' }, 'named-port:http=80/TCP'],
  ])('%s is read and written back canonically', (text, label, canonical) => {
    expect(parseLabel(text)).toEqual(label);
    expect(formatLabel(parseLabel(text)!)).toBe(canonical);
  });

  it.each(['', '=x', 'k8s:', 'k8s:=x', 'docker:app=web', ':app=web'])('%j is none', (text) => {
    expect(parseLabel(text)).toBeNull();
  });

  it('sets are sorted and free of duplicates, by code units', () => {
    expect(canonicalLabels(['k8s:b', 'k8s:a', 'k8s:b', 'k8s:B'])).toEqual(['k8s:B', 'k8s:a', 'k8s:b']);
    expect(labelSetKey(canonicalLabels(['k8s:b', 'k8s:a']))).toBe('k8s:a;k8s:b');
  });
});
