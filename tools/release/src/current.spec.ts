import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrationFrom, migrations, resizableTables } from '@myelin/datapath';
import { describe, expect, it } from 'vitest';
import { layoutChanges } from './changes.ts';
import { currentLayout, releaseLayout, releases, unpackObjects } from './data.ts';
import { describeObjects } from './describe.ts';
import { missing } from './promise.ts';

const tables = new Set(resizableTables);
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8')) as { version: string };

describe('this tree', () => {
  it('has the data of the release whose version it bears, or of an earlier one', () => {
    expect(releases()).not.toEqual([]);
    expect(releases().at(-1)!.localeCompare(version, 'en', { numeric: true })).toBeLessThanOrEqual(0);
  });
  it.each(releases())('owes nothing to release %s: what its maps hold is read as it was written (D6, D9)', (of) => {
    const [release, now] = [releaseLayout(of), currentLayout(version)];
    // A tree that bears the release's own version before it is tagged: "npm run release-data" writes its data anew.
    const migrates = migrationFrom(BigInt(`0x${release.digest}`), migrations) !== null;
    expect(missing({ release, now, changes: layoutChanges(release, now, tables), migrates })).toEqual([]);
  });
});

describe.each(releases())('the data of release %s', (of) => {
  it('describes the objects beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'myelin-release-'));
    try {
      const release = releaseLayout(of);
      const { maps, structs, programs } = describeObjects(of, unpackObjects(of, folder));
      expect({ maps, structs, programs }).toEqual({ maps: release.maps, structs: release.structs, programs: release.programs });
      expect(readdirSync(folder)).toEqual(['pod.o', 'sweep.o']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
