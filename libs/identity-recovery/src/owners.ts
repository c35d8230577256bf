import { compareRevisions, type Revision } from '@myelin/revision';
import type { KnownRows } from './known.ts';

/** A row of the stream `identities`. */
interface IdentityRow {
  readonly number: number;
  readonly labels: readonly string[];
}

/** A row of the stream `endpoints`. */
export interface EndpointRow {
  readonly address: string;
  readonly identity: number;
  readonly node: string;
  readonly endpointUid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A number that an endpoint was given: for these labels, at this revision of the identity's row. */
export interface NumberClaim {
  readonly number: number;
  readonly labels: readonly string[];
  readonly revision: Revision;
}

/** An endpoint that its node has, with the numbers that it holds; none: it had no answer yet. */
export interface Claim {
  readonly uid: string;
  readonly numbers: readonly NumberClaim[];
}

/** Whose a number is. `labels` null: nobody's, and nobody knows any more whose it was. */
export interface Ownership {
  readonly number: number;
  readonly labels: readonly string[] | null;
  readonly revision: Revision;
}

/** Label sets as texts: canonical ones are equal where these are. */
export const textOfLabels = (labels: readonly string[]): string => JSON.stringify(labels);

/**
 * Whose each number is that anybody knows (design C1, C4). Invariants: a number has one label set, that of the greatest assignment revision, be it a row's or a claim's; a removal that is later than every
 * assignment leaves it to nobody. A label set has one number: where it was assigned several, the latest; the others are `former`.
 */
export function ownersOf(
  rows: KnownRows<IdentityRow>,
  claims: Iterable<NumberClaim>,
): { readonly owners: ReadonlyMap<number, Ownership>; readonly former: readonly Ownership[] } {
  const latest = new Map<number, Ownership>();
  for (const [key, { revision, row }] of rows) {
    const number = Number(key);
    latest.set(number, { number, labels: row?.labels ?? null, revision });
  }
  for (const claim of claims) {
    const known = latest.get(claim.number);
    if (known === undefined || isLater(claim, known)) latest.set(claim.number, claim);
  }
  const owners = new Map<number, Ownership>();
  const former: Ownership[] = [];
  const bySet = new Map<string, Ownership>();
  for (const owner of [...latest.values()].sort((a, b) => a.number - b.number)) {
    if (owner.labels === null) {
      former.push(owner);
      continue;
    }
    const set = textOfLabels(owner.labels);
    const other = bySet.get(set);
    const isBetter = other === undefined || compareRevisions(owner.revision, other.revision) > 0;
    if (!isBetter) former.push(owner);
    else if (other !== undefined) former.push(other);
    if (isBetter) bySet.set(set, owner);
  }
  for (const owner of bySet.values()) owners.set(owner.number, owner);
  return { owners, former };
}

/** Two different sets at one revision can't be; should they, every replica takes the same one. */
function isLater(claim: NumberClaim, known: Ownership): boolean {
  const order = compareRevisions(claim.revision, known.revision);
  if (order !== 0 || known.labels === null) return order > 0;
  return textOfLabels(claim.labels) < textOfLabels(known.labels);
}
