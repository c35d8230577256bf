import { describe, expect, it } from 'vitest';
import { Attack, type AttackOptions, type Findings, faults } from './flow/attack.ts';

const nightly = process.env.MYELIN_NIGHTLY === '1';

/** Long enough that each round does everything many times, short enough that the table is looked at often. */
const runsEach = 10_000;

const families = [4, 6] as const;

/** Different pressure: ways for two thirds of the entries, for two thirds at shares that bind, and for most in the two buckets that all have in common. */
const tables: Readonly<Record<string, Omit<AttackOptions, 'family'>>> = {
  'four buckets': { buckets: 4, flows: 24, youngShare: 1000, establishedShare: 1000 },
  'shares that are used up': { buckets: 4, flows: 24, youngShare: 9, establishedShare: 6 },
  'two buckets': { buckets: 2, flows: 12, youngShare: 1000, establishedShare: 1000 },
};

/** Attacks for so long, or until `enough` says so. */
async function attack(options: AttackOptions, seconds: number, enough: (findings: Findings) => boolean = () => false): Promise<Findings> {
  const table = await Attack.load(options);
  const end = performance.now() + seconds * 1000;
  do await table.round(runsEach);
  while (performance.now() < end && !enough(table.findings()));
  const findings = table.findings();
  table.close();
  return findings;
}

describe.each(families)('the flow table for IPv%i attacked from two processors', (family) => {
  it.each(Object.keys(tables))(
    'gives no packet what is not its flow’s, loses no count and keeps its books, with %s',
    async (name) => {
      const { counts, dumped, ...faultsFound } = await attack({ family, ...tables[name] }, nightly ? 60 : 1);
      for (const done of ['hits', 'stored', 'refused', 'denied', 'followed', 'expired'] as const)
        expect(counts[done], done).toBeGreaterThan(100);
      expect(dumped).toBeGreaterThan(100);
      expect(counts).toMatchObject({ torn: 0, misdelivered: 0, overdrawn: 0 });
      expect(faultsFound).toEqual({ dumpedTorn: 0, atRest: [], lostPackets: 0, lostBytes: 0 });
    },
    120_000,
  );
});

describe('the attack notices', () => {
  const isWrong = ({ counts }: Findings) => counts.torn + counts.misdelivered > 0;

  it.each(families)(
    'that readers of IPv%i entries do not look at the version again',
    async (family) => {
      const findings = await attack({ family, fault: faults.recheck, ...tables['two buckets'] }, 50, isWrong);
      expect(isWrong(findings)).toBe(true);
    },
    60_000,
  );

  it.each(families)(
    'that writers of IPv%i entries do not exclude each other',
    async (family) => {
      const findings = await attack({ family, fault: faults.lock, ...tables['two buckets'] }, 50, isWrong);
      expect(isWrong(findings)).toBe(true);
      expect(findings.atRest).not.toEqual([]);
    },
    60_000,
  );

  it.runIf(nightly)(
    'that writers do not look into the other bucket afterwards: keys that lie in both are a rare sight only while they do',
    async () => {
      const options = { family: 4, ...tables['two buckets'] } as const;
      const whole = await attack(options, 120);
      const without = await attack({ ...options, fault: faults.postCheck }, 120);
      expect(without.counts.twice / without.counts.stored).toBeGreaterThan((10 * (whole.counts.twice + 1)) / whole.counts.stored);
    },
    300_000,
  );
});
