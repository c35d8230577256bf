import type { LabelRequirement } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { IdentityIndex } from './identity-index.ts';

const isIn = (key: string, ...values: string[]): LabelRequirement => ({ source: 'k8s', key, operator: 'In', values });
const absent = (key: string): LabelRequirement => ({ source: 'k8s', key, operator: 'DoesNotExist', values: [] });
const reserved = (key: string): LabelRequirement => ({ source: 'reserved', key, operator: 'Exists', values: [] });

describe('the identity index', () => {
  it('gives a selection its members, whichever of the two came first', () => {
    const index = new IdentityIndex();
    index.put(300, ['k8s:app=web']);
    const web = index.select([isIn('app', 'api', 'web')]);
    index.put(301, ['k8s:app=api']);
    index.put(302, ['k8s:app=db']);
    expect([...web.members].sort()).toEqual([300, 301]);
    index.delete(300);
    expect([...web.members]).toEqual([301]);
    expect(index.identities()).toEqual([301, 302]);
  });

  it('holds the reserved identities, unknown excepted, and lets nobody relabel them', () => {
    const index = new IdentityIndex();
    expect([...index.select([]).members]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([...index.select([reserved('remote-node')]).members]).toEqual([6, 7]);
    expect(index.has(1)).toBe(false);
    expect(() => index.put(1, [])).toThrow(RangeError);
    expect(index.delete(1).selections.size).toBe(0);
  });

  it('knows the same selector as the same selection until its last user lets go', () => {
    const index = new IdentityIndex();
    const one = index.select([isIn('app', 'web')]);
    expect(index.select([isIn('app', 'web')])).toBe(one);
    index.release(one);
    expect([...index.put(300, ['k8s:app=web']).selections]).toEqual([one]);
    index.release(one);
    expect(index.put(301, ['k8s:app=web']).selections.size).toBe(0);
  });

  it('says what an identity touches', () => {
    const index = new IdentityIndex();
    const [web, notApi] = [index.select([isIn('app', 'web')]), index.select([absent('api')])];
    index.select([isIn('app', 'db')]);
    const change = index.put(300, ['k8s:app=web', 'named-port:http=80/TCP']);
    expect(change.selections).toEqual(new Set([notApi, web]));
    expect(change.portNames).toEqual(['http']);
    expect(index.selectionsOf(300)).toEqual(new Set([notApi, web]));
    expect(index.delete(300)).toEqual({ selections: new Set([notApi, web]), portNames: ['http'] });
    expect(index.delete(300).selections.size).toBe(0);
  });

  it('takes new labels of a number for a new identity', () => {
    const index = new IdentityIndex();
    const web = index.select([isIn('app', 'web')]);
    index.put(300, ['k8s:app=web']);
    expect(index.put(300, ['k8s:app=api', 'named-port:http=80/TCP'])).toEqual({ selections: new Set([web]), portNames: ['http'] });
    expect(web.members.size).toBe(0);
  });

  it('hides named ports from selectors and reads them back by name', () => {
    const index = new IdentityIndex();
    index.put(300, ['k8s:app=web', 'named-port:dns=53/UDP', 'named-port:http=80/TCP', 'named-port:http=8080/TCP']);
    expect(index.select([{ source: 'any', key: 'http', operator: 'Exists', values: [] }]).members.size).toBe(0);
    expect(index.portsNamed(300, 'http', 'TCP')).toEqual([80, 8080]);
    expect(index.portsNamed(300, 'http', 'UDP')).toEqual([]);
    expect([...index.identitiesNaming('dns')]).toEqual([300]);
    index.delete(300);
    expect([...index.identitiesNaming('dns')]).toEqual([]);
  });
});
