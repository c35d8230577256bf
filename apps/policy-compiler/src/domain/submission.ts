import { formatManifestError } from '@myelin/manifest';
import type { PolicyReference } from '@myelin/policy-model';
import { policyKey, readDocument, type StoredDocument } from './compiled-state.ts';

/** What was submitted, ready to be stored, or everything that is wrong with it. */
export type Submission =
  | { readonly ok: true; readonly documents: readonly StoredDocument[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Checks documents (JSON texts) before any is stored: all of them are read, one bad one refuses all; the same policy twice is refused too. */
export function checkSubmission(texts: readonly string[]): Submission {
  const problems: string[] = [];
  const documents = new Map<string, StoredDocument>();
  texts.forEach((text, index) => {
    const read = readDocument(`document ${index + 1}`, text);
    if ('errors' in read) problems.push(...read.errors.map(formatManifestError));
    else {
      const { reference } = read.policy;
      const key = policyKey(reference);
      if (documents.has(key)) problems.push(`document ${index + 1}: ${key} is there twice; give each policy once`);
      documents.set(key, { reference, document: canonicalText(text) });
    }
  });
  if (texts.length === 0) problems.push('no document was given');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, documents: [...documents.values()] };
}

/** Gives each document its UID: its own, else the one under which it is stored already, else a new one. */
export function withUids(
  documents: readonly StoredDocument[],
  stored: ReadonlyMap<string, PolicyReference>,
  newUid: () => string,
): readonly StoredDocument[] {
  return documents.map(({ reference, document }) => {
    const uid = reference.uid || stored.get(policyKey(reference))?.uid || newUid();
    return { reference: { ...reference, uid }, document };
  });
}

/** Equal documents in equal words: rows that don't differ keep their revision. */
const canonicalText = (text: string) => JSON.stringify(sortKeys(JSON.parse(text)));

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sortKeys(member)]),
  );
}
