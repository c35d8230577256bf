import { parseLabel } from '@myelin/labels';
import type { LabelRequirement } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { holds, selects } from './match.ts';

const labels = ['k8s:app=web', 'container:app=old', 'k8s:empty', 'reserved:host'].map((text) => parseLabel(text)!);
const requirement = (
  source: LabelRequirement['source'],
  key: string,
  operator: LabelRequirement['operator'],
  ...values: string[]
): LabelRequirement => ({
  source,
  key,
  operator,
  values,
});

describe('a label requirement', () => {
  it.each([
    ['k8s', 'app', 'In', ['web'], true],
    ['k8s', 'app', 'In', ['api', 'web'], true],
    ['k8s', 'app', 'In', ['old'], false],
    ['any', 'app', 'In', ['old'], true],
    ['container', 'app', 'In', ['old'], true],
    ['k8s', 'gone', 'In', ['x'], false],
    ['k8s', 'empty', 'In', [''], true],
    ['k8s', 'app', 'NotIn', ['web'], false],
    ['k8s', 'app', 'NotIn', ['api'], true],
    ['k8s', 'gone', 'NotIn', ['x'], true],
    ['any', 'app', 'NotIn', ['old'], false],
    ['k8s', 'app', 'Exists', [], true],
    ['k8s', 'host', 'Exists', [], false],
    ['any', 'host', 'Exists', [], true],
    ['k8s', 'gone', 'DoesNotExist', [], true],
    ['k8s', 'app', 'DoesNotExist', [], false],
    ['node', 'app', 'DoesNotExist', [], true],
  ] as const)('%s:%s %s %j is %s', (source, key, operator, values, expected) => {
    expect(holds(requirement(source, key, operator, ...values), labels)).toBe(expected);
  });

  it('is one of several that must all hold; none hold for everyone', () => {
    expect(selects([], labels)).toBe(true);
    expect(selects([requirement('k8s', 'app', 'Exists'), requirement('k8s', 'gone', 'Exists')], labels)).toBe(false);
  });
});
