import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTypes } from './compile.ts';
import { valueLayout } from './layout.ts';
import { mapTypes } from './maps.ts';

const types = readTypes(join(import.meta.dirname, '..', '..', '..', 'bpf', 'build', 'pod.o'));
const named = (name: string) => mapTypes(types).find((map) => map.name === name)!;

describe('the maps of an object', () => {
  it('have the types that their declarations name', () => {
    const { key, value } = named('subjects');
    expect(valueLayout(types, key!, 'key')).toMatchObject({ size: 4, type: { kind: 'number', size: 4 } });
    expect(valueLayout(types, value!, 'value')).toEqual({ size: 8, type: { kind: 'struct', name: 'subject' } });
  });
  it('have none where a declaration has none', () => {
    expect(named('events')).toEqual({ name: 'events', key: null, value: null });
  });
  it('are none in an object without maps', () => {
    expect(mapTypes([{ kind: 'void' }])).toEqual([]);
  });
});
