import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { identityLabels } from '@myelin/labels';
import { formatManifestError, type Manifest, parseManifests } from '@myelin/manifest';
import { type CompiledEntry, type CompiledPeer, type CompiledPolicy, formatOrigin, formatPolicy, type Policy } from '@myelin/policy-model';
import { parsePolicy } from '@myelin/policy-parse';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { compilePolicies } from './compile.ts';

/*
 * Golden cases: testdata/<case>.in.yaml holds pods (by identity number) and policies, <case>.out.yaml what they compile to.
 * Regenerate: GOLDEN=write vitest run --project unit libs/policy-compile/src/golden.spec.ts, then read the diff.
 */

const folder = new URL('../testdata/', import.meta.url);

interface Pods {
  readonly pods: Record<string, Partial<Parameters<typeof identityLabels>[0]>>;
}

function readPolicy(manifest: Manifest): Policy {
  const parsed = parsePolicy(manifest);
  if (!parsed.ok) throw new Error(parsed.errors.map(formatManifestError).join('\n'));
  return parsed.policy;
}

function compileCase(name: string): readonly CompiledPolicy[] {
  const file = `${name}.in.yaml`;
  const { manifests, errors } = parseManifests([{ file, text: readFileSync(new URL(file, folder), 'utf8') }]);
  expect(errors.map(formatManifestError)).toEqual([]);
  const { pods } = manifests.find(({ kind }) => kind === 'Pods')!.value as unknown as Pods;
  const labelsOf = (pod: Pods['pods'][string]) =>
    identityLabels({ namespace: 'shop', labels: {}, namespaceLabels: {}, serviceAccount: '', cluster: 'lab', namedPorts: [], ...pod });
  const identities = new Map(Object.entries(pods).map(([identity, pod]) => [Number(identity), labelsOf(pod)]));
  return compilePolicies(identities, manifests.filter(({ kind }) => kind !== 'Pods').map(readPolicy));
}

function peerText(peer: CompiledPeer): string {
  switch (peer.kind) {
    case 'any':
      return 'anyone';
    case 'identity':
      return `identity ${peer.identity}`;
    case 'world':
      return `world${peer.family ?? ''}`;
    case 'cidr':
    case 'ipBlock':
      return [`${peer.kind} ${peer.prefix}`, ...peer.except.map((prefix) => `except ${prefix}`)].join(' ');
  }
}

function entryText({ peer, protocol, ports, verdict, origins }: CompiledEntry): string {
  const range = ports === null ? '' : ` ${ports.first === ports.last ? ports.first : `${ports.first}-${ports.last}`}`;
  return `${verdict} ${peerText(peer)} ${protocol ?? 'everything'}${range} by ${origins.map(formatOrigin).join(' and ')}`;
}

function caseText(compiled: readonly CompiledPolicy[]): string {
  const direction = ({ isolatedBy, entries }: CompiledPolicy['ingress']) => ({
    isolatedBy: isolatedBy.map(formatPolicy),
    entries: entries.map(entryText),
  });
  // Identities that no policy touches are left out.
  const touched = compiled.filter(({ ingress, egress }) =>
    [ingress, egress].some(({ isolated, entries }) => isolated || entries.length > 0),
  );
  const out = touched.map(({ identity, ingress, egress, digest }) => [
    identity,
    { ingress: direction(ingress), egress: direction(egress), digest },
  ]);
  return stringify(Object.fromEntries(out), { lineWidth: 0 });
}

const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => name.slice(0, -'.in.yaml'.length));

describe('the compiler', () => {
  it.each(cases)('compiles %s to what is on record', (name) => {
    const compiled = caseText(compileCase(name));
    const file = new URL(`${name}.out.yaml`, folder);
    if (process.env.GOLDEN === 'write') writeFileSync(file, compiled);
    expect(compiled).toBe(readFileSync(file, 'utf8'));
  });

  it('has at least 25 cases on record', () => {
    expect(cases.length).toBeGreaterThanOrEqual(25);
  });
});
