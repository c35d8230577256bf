import { describe, expect, it } from 'vitest';
import { type LabelSelector, selects } from './selector.ts';

const labels: Record<string, string> = { app: 'web', tier: 'front', empty: '' };
const matches = (selector: LabelSelector) => selects(selector, (key) => labels[key]);
const expression = (key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: string[]) =>
  matches({ matchExpressions: [{ key, operator, ...(values && { values }) }] });

describe('a label selector', () => {
  it('matches everything when empty, null or with empty members', () => {
    for (const selector of [{}, { matchLabels: {} }, { matchLabels: null, matchExpressions: null }, { matchExpressions: [] }])
      expect(matches(selector)).toBe(true);
  });

  it('needs every label', () => {
    expect(matches({ matchLabels: { app: 'web', tier: 'front' } })).toBe(true);
    expect(matches({ matchLabels: { app: 'web', tier: 'back' } })).toBe(false);
    expect(matches({ matchLabels: { app: 'web', zone: 'a' } })).toBe(false);
  });

  it('tells an empty value from an absent label', () => {
    expect(matches({ matchLabels: { empty: '' } })).toBe(true);
    expect(matches({ matchLabels: { app: '' } })).toBe(false);
    expect(matches({ matchLabels: { absent: '' } })).toBe(false);
  });

  it('In wants one of the values', () => {
    expect(expression('app', 'In', ['db', 'web'])).toBe(true);
    expect(expression('app', 'In', ['db'])).toBe(false);
    expect(expression('absent', 'In', ['db'])).toBe(false);
  });

  it('NotIn takes an absent label too', () => {
    expect(expression('app', 'NotIn', ['db'])).toBe(true);
    expect(expression('app', 'NotIn', ['db', 'web'])).toBe(false);
    expect(expression('absent', 'NotIn', ['db'])).toBe(true);
  });

  it('Exists and DoesNotExist look at the key alone', () => {
    expect(expression('empty', 'Exists')).toBe(true);
    expect(expression('absent', 'Exists')).toBe(false);
    expect(expression('absent', 'DoesNotExist')).toBe(true);
    expect(expression('empty', 'DoesNotExist')).toBe(false);
  });

  it('needs labels and all expressions at once', () => {
    const both = (operator: 'Exists' | 'DoesNotExist') =>
      matches({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator }] });
    expect(both('Exists')).toBe(true);
    expect(both('DoesNotExist')).toBe(false);
  });
});
