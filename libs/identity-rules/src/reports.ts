import type { Revision } from '@myelin/contracts/types';
import { includesRevision, laterRevision, parseRevision } from '@myelin/revision';

/** A revision of each stream that nodes report. */
export interface Applied {
  readonly identities: Revision;
  readonly endpoints: Revision;
}

/** What a node has said. */
export interface NodeReport {
  readonly node: string;
  /** When it was so, by Redis' clock, in milliseconds. */
  readonly atMs: number;
  readonly registration: bigint;
  /** Milliseconds of its lease that were left when this was read; not more than 0: it is over. */
  readonly leaseMs: number;
  readonly applied: Applied;
  /** What it was waited for in vain. */
  readonly missed: Applied;
}

const words = 12;

/** Reads a record as the script `reports` writes it; `nowMs`: Redis' time then. Null: it is none. */
export function readReport(nowMs: number, node: string, record: string): NodeReport | null {
  const parts = record.split(' ');
  if (parts.length !== words || parts.some((part) => !/^\d+$/.test(part))) return null;
  const revision = (at: number) => parseRevision(`${parts[at]}.${parts[at + 1]}`)!;
  return {
    node,
    atMs: nowMs,
    registration: BigInt(parts[0]!),
    leaseMs: Number(parts[1]) - nowMs,
    applied: { identities: revision(2), endpoints: revision(4) },
    missed: { identities: revision(8), endpoints: revision(10) },
  };
}

const includes = (applied: Applied, wanted: Applied): boolean =>
  includesRevision(applied.identities, wanted.identities) && includesRevision(applied.endpoints, wanted.endpoints);

const later = (a: Applied, b: Applied): Applied => ({
  identities: laterRevision(a.identities, b.identities),
  endpoints: laterRevision(a.endpoints, b.endpoints),
});

/** All nodes' reports, and who is waited for. No clock: the caller says what time it is, in milliseconds of any clock that doesn't go back. */
export class Reports {
  #nodes = new Map<string, NodeReport & { readonly liveUntil: number }>();
  readonly #listeners = new Set<() => void>();
  #isCurrent = false;
  /** Everything that was written up to this one has been heard. */
  #heard = 0;

  /** Whether these are all of them, as they are now: not before they were read, nor while nothing can be heard. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Takes one report over. `order`: its place among all that was written. */
  take(report: NodeReport, now: number, order = 0): void {
    this.#merge(report, now);
    this.#hear(order);
    this.#tell();
  }

  /** Takes a node out that was taken away at `atMs` of Redis' clock. */
  remove(node: string, atMs: number, order = 0): void {
    this.#hear(order);
    if ((this.#nodes.get(node)?.atMs ?? atMs) > atMs) return;
    this.#nodes.delete(node);
    this.#tell();
  }

  /** Takes all of them over, as they were at `atMs` of Redis' clock, when `order` was written last: there were no others. What was heard since stays. From here on they are current. */
  takeAll(reports: readonly NodeReport[], atMs: number, now: number, order = 0): void {
    this.#isCurrent = true;
    this.refresh(reports, atMs, now, order);
  }

  /** The same of reports that may have stopped being current meanwhile. */
  refresh(reports: readonly NodeReport[], atMs: number, now: number, order: number): void {
    const read = new Set(reports.map(({ node }) => node));
    this.#nodes = new Map([...this.#nodes].filter(([node, known]) => read.has(node) || known.atMs >= atMs));
    for (const report of reports) this.#merge(report, now);
    this.#heard = Math.max(this.#heard, order);
    this.#tell();
  }

  /** Whether everything that was written up to `order` has been heard: who isn't known here, or seems dead, was not registered or was dead then. */
  hasHeard(order: number): boolean {
    return this.#heard >= order;
  }

  /** A gap is not heard over: what was missed is read with all the others. */
  #hear(order: number): void {
    if (order === this.#heard + 1) this.#heard = order;
  }

  /** Reports may come twice and in any order: within a registration nothing goes back, and none of an earlier registration changes anything. */
  #merge(report: NodeReport, now: number): void {
    const liveUntil = now + report.leaseMs;
    const known = this.#nodes.get(report.node);
    if (known === undefined || known.registration < report.registration) this.#nodes.set(report.node, { ...report, liveUntil });
    else if (known.registration === report.registration)
      this.#nodes.set(report.node, {
        ...report,
        atMs: Math.max(known.atMs, report.atMs),
        applied: later(known.applied, report.applied),
        missed: later(known.missed, report.missed),
        liveUntil: Math.max(known.liveUntil, liveUntil),
      });
  }

  /** Nothing can be heard any more. */
  lose(): void {
    this.#isCurrent = false;
  }

  /** Live nodes but one that have not reported this, and have not missed anything since: those are waited for. Sorted. */
  late(wanted: Applied, except: string, now: number): readonly string[] {
    const late = [...this.#nodes.values()].filter(
      ({ node, liveUntil, applied, missed }) =>
        node !== except && now < liveUntil && includes(applied, missed) && !includes(applied, wanted),
    );
    return late.map(({ node }) => node).sort();
  }

  /** Calls `listener` after each change; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
