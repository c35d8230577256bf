import type { FieldShape, MapLayout, ReleaseLayout } from './layout.ts';

/**
 * What pinned maps of `before` have that `now` would read otherwise, a sentence each: maps and structs that are gone or of another shape, and numbers that mean something else. What is new beside them
 * changes nothing of what is there. `resizable`: maps that keep the size that they have, whatever the programs declare.
 */
export function layoutChanges(before: ReleaseLayout, now: ReleaseLayout, resizable: ReadonlySet<string>): readonly string[] {
  return [...mapChanges(before, now, resizable), ...structChanges(before, now), ...numberChanges(before, now)];
}

const mapFields = ['type', 'keySize', 'valueSize', 'maxEntries', 'flags', 'key', 'value'] as const satisfies readonly (keyof MapLayout)[];
const memberFields = ['offset', 'size', 'type'] as const satisfies readonly (keyof FieldShape)[];

function mapChanges(before: ReleaseLayout, now: ReleaseLayout, resizable: ReadonlySet<string>): readonly string[] {
  return Object.entries(before.maps).flatMap(([name, old]) => {
    const map = now.maps[name];
    if (map === undefined) return [`map ${name} is gone`];
    const compared = mapFields.filter((field) => field !== 'maxEntries' || !resizable.has(name));
    return differences(`map ${name}`, old, map, compared);
  });
}

function structChanges(before: ReleaseLayout, now: ReleaseLayout): readonly string[] {
  return Object.entries(before.structs).flatMap(([name, old]) => {
    const struct = now.structs[name];
    if (struct === undefined) return [`struct ${name} is gone`];
    const members = Object.entries(old.fields).flatMap(([member, field]) => {
      const other = struct.fields[member];
      const what = `struct ${name}, member ${member}`;
      return other === undefined ? [`${what}: gone`] : differences(what, field, other, memberFields);
    });
    const added = Object.keys(struct.fields).filter((member) => old.fields[member] === undefined);
    return [
      ...differences(`struct ${name}`, old, struct, ['size']),
      ...members,
      ...added.map((member) => `struct ${name}, member ${member}: new`),
    ];
  });
}

function numberChanges(before: ReleaseLayout, now: ReleaseLayout): readonly string[] {
  return Object.entries(before.numbers).flatMap(([name, old]) => {
    const number = now.numbers[name];
    if (number === undefined) return [`number ${name} (${old}) is gone`];
    return number === old ? [] : [`number ${name}: ${old} became ${number}`];
  });
}

function differences<T extends object>(what: string, before: T, now: T, fields: readonly (keyof T & string)[]): readonly string[] {
  return fields.filter((field) => before[field] !== now[field]).map((field) => `${what}: ${field} ${before[field]} became ${now[field]}`);
}
