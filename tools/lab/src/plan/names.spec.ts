import { describe, expect, it } from 'vitest';
import { cgroupName, labId, netnsName, netnsPrefix, type Place, placeKey, placeName } from './names.ts';

const pod: Place = { kind: 'pod', node: 'a', namespace: 'shop', name: 'web' };

describe('names of a lab', () => {
  it('has another id for another directory, and for the same path in another root', () => {
    expect(new Set([labId('/x', 1, 2), labId('/y', 1, 2), labId('/x', 3, 2), labId('/x', 1, 4)]).size).toBe(4);
    expect(labId('/x', 1, 2)).toMatch(/^[0-9a-f]{8}$/);
  });

  it('begins every network namespace with the lab, so that down finds what is left of it', () => {
    const places: Place[] = [{ kind: 'fabric' }, { kind: 'control' }, { kind: 'outside' }, { kind: 'node', node: 'a' }, pod];
    for (const place of places) expect(netnsName('12345678', place).startsWith(netnsPrefix('12345678'))).toBe(true);
    expect(new Set(places.map((place) => netnsName('12345678', place))).size).toBe(places.length);
  });

  it('keeps file names within what a file system takes, and long ones apart', () => {
    const long = (end: string): Place => ({ kind: 'pod', node: 'a', namespace: 'n'.repeat(63), name: `${'p'.repeat(250)}${end}` });
    expect(netnsName('12345678', long('x')).length).toBeLessThan(255);
    expect(netnsName('12345678', long('x'))).not.toBe(netnsName('12345678', long('y')));
  });

  it('gives a pod with hostNetwork its node’s namespace but a cgroup of its own', () => {
    const shared: Place = { ...pod, hostNetwork: true };
    expect(netnsName('12345678', shared)).toBe(netnsName('12345678', { kind: 'node', node: 'a' }));
    expect(cgroupName('12345678', shared)).toBe(cgroupName('12345678', pod));
  });

  it('puts pods below their node, apart from the node’s own processes', () => {
    expect(cgroupName('12345678', pod)).toBe('myelin-lab-12345678/nodes/a/pods/shop.web');
    expect(cgroupName('12345678', { kind: 'node', node: 'a' })).toBe('myelin-lab-12345678/nodes/a/host');
  });

  it('calls places as probes do, and keys them by that', () => {
    expect([pod, { kind: 'node', node: 'a' } as const, { kind: 'outside' } as const].map(placeName)).toEqual([
      'shop/web',
      'node:a',
      'outside',
    ]);
    expect(placeKey(pod)).not.toBe(placeKey({ kind: 'node', node: 'a' }));
  });
});
