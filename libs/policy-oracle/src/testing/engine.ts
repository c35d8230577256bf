import { type Address, address } from '@myelin/address';
import { identityLabels, labelSetKey, reservedIdentities } from '@myelin/labels';
import { formatManifestError, type Manifest } from '@myelin/manifest';
import type { CompiledPolicy, Policy, PolicyReference } from '@myelin/policy-model';
import { parsePolicy } from '@myelin/policy-parse';
import type { OracleDecision } from '../decide.ts';
import type { OracleEnd, OracleEndpoint, OracleFlow, OracleWorld } from '../world.ts';

/*
 * The drawn worlds in the terms of the engine: for the specs that compare the two, never for the oracle. This file and the specs are the
 * only ones that import the engine.
 */

const read = new WeakMap<OracleWorld['policies'], readonly Policy[]>();

/** A world's policies as the engine reads them, each world's once. Throws when one is refused: what is drawn must be valid. How objects come out of text is tested in libs/manifest. */
export function enginePolicies({ policies }: Pick<OracleWorld, 'policies'>): readonly Policy[] {
  const known = read.get(policies) ?? parse(policies);
  read.set(policies, known);
  return known;
}

function parse(policies: OracleWorld['policies']): Policy[] {
  return policies.map((policy, index) => {
    // As text would give it: fields without a value aren't there.
    const value = JSON.parse(JSON.stringify(policy)) as Manifest['value'] & Pick<Manifest, 'apiVersion' | 'kind'>;
    const parsed = parsePolicy({
      file: 'drawn',
      document: index + 1,
      apiVersion: value.apiVersion,
      kind: value.kind,
      value,
      errorAt: placed,
    });
    if (!parsed.ok) throw new Error(parsed.errors.map(formatManifestError).join('\n'));
    return parsed.policy;
  });
}

const placed: Manifest['errorAt'] = ({ path, ...problem }) => ({
  file: 'drawn',
  document: 1,
  line: 1,
  column: 1,
  path: path.join('.'),
  ...problem,
});

/** Numbers for the label sets of a world's endpoints. */
export interface Numbering {
  /** Identity number → its canonical labels. */
  readonly identities: ReadonlyMap<number, readonly string[]>;
  /** "namespace/name" → identity number. */
  readonly ofEndpoint: ReadonlyMap<string, number>;
}

/** Gives every distinct label set one number, from `first` on. */
export function numberIdentities({ endpoints }: Pick<OracleWorld, 'endpoints'>, first = 256): Numbering {
  const numbers = new Map<string, number>();
  const identities = new Map<number, readonly string[]>();
  const ofEndpoint = new Map<string, number>();
  for (const endpoint of endpoints) {
    const labels = engineLabels(endpoint);
    const key = labelSetKey(labels);
    const number = numbers.get(key) ?? first + numbers.size;
    numbers.set(key, number);
    identities.set(number, labels);
    ofEndpoint.set(`${endpoint.namespace}/${endpoint.name}`, number);
  }
  return { identities, ofEndpoint };
}

function engineLabels(endpoint: OracleEndpoint): readonly string[] {
  const { namespace, labels, namespaceLabels, serviceAccount } = endpoint;
  const namedPorts = endpoint.namedPorts.map(({ name, port, protocol }) => ({ name, number: port, protocol }));
  return identityLabels({ namespace, labels, namespaceLabels, serviceAccount, cluster: 'default', namedPorts });
}

/** A flow as the engine's evaluation takes it. */
export interface EngineFlow {
  readonly source: { readonly identity: number; readonly address: Address };
  readonly destination: { readonly identity: number; readonly address: Address };
  readonly protocol: OracleFlow['protocol'];
  readonly port: number;
}

/** Translates a flow; a node is `host` to the endpoints that it runs, `remote-node` to all others. */
export function engineFlow({ endpoints }: OracleWorld, { ofEndpoint }: Numbering, flow: OracleFlow): EngineFlow {
  const nodeOf = (end: OracleEnd) =>
    'endpoint' in end ? endpoints.find(({ namespace, name }) => `${namespace}/${name}` === end.endpoint)!.node : undefined;
  const end = (one: OracleEnd, other: OracleEnd) => ({
    identity: identityOf(one, nodeOf(other), ofEndpoint),
    address: address(one.address),
  });
  const { source, destination, protocol, port } = flow;
  return { source: end(source, destination), destination: end(destination, source), protocol, port };
}

function identityOf(end: OracleEnd, nodeOfOther: string | undefined, ofEndpoint: Numbering['ofEndpoint']): number {
  if ('endpoint' in end) return ofEndpoint.get(end.endpoint)!;
  if ('node' in end) return reservedIdentities[end.node === nodeOfOther ? 'host' : 'remote-node'];
  return reservedIdentities[address(end.address).family === 4 ? 'world-ipv4' : 'world-ipv6'];
}

/** What one end decides, in the oracle's terms: the policies that rules or default deny come from, built-in rules left out. */
export function policyNames(references: Iterable<PolicyReference>): OracleDecision['policies'] {
  const written = [...references].filter(({ kind }) => kind !== 'Builtin');
  return [...new Set(written.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`))].sort();
}

/** One text for compiled policies: equal bytes, equal text. */
export function bytesOf(compiled: readonly CompiledPolicy[]): string {
  return JSON.stringify(compiled);
}
