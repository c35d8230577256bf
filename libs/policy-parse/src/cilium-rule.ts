import { derivedKeys, expectedPortName } from '@myelin/labels';
import type { JsonPath } from '@myelin/manifest';
import {
  type LabelRequirement,
  type LabelSelector,
  type Peer,
  type PortMatch,
  type PortProtocol,
  type Rule,
  sections,
} from '@myelin/policy-model';
import type { PortsManifest, RuleManifest } from './cilium-schema.ts';
import { readCidr, readPrefixExcept } from './prefix.ts';
import { type Report, reporter } from './report.ts';
import { canonicalSelector, ciliumKeys, readSelector, requireKey, requireLabel, type SelectorManifest } from './selector.ts';

/** What a rule is read in: the namespace that confines it ('' for a cluster-wide policy), and whether its subjects are initialising pods. */
export interface RuleContext {
  readonly namespace: string;
  readonly selectsInit: boolean;
  readonly report: Report;
}

const names = (selector: readonly LabelRequirement[], test: (key: string) => boolean): boolean =>
  selector.some(({ source, key }) => (source === 'k8s' || source === 'any') && test(key));

/**
 * Confines a peer selector: to the policy's namespace unless it names one itself (or a label of one), and always to pods. Upstream leaves the
 * second out where a namespace is named, so that `NotIn` there also selects the world; endpoints are what the field's name says. Selectors
 * of reserved labels are left alone, as upstream: hosts and the world have no namespace.
 */
function confine(requirements: readonly LabelRequirement[], { namespace, selectsInit }: RuleContext): LabelSelector {
  if (requirements.some(({ source }) => source === 'reserved')) return canonicalSelector(requirements);
  const namesPlace = names(requirements, (key) => key === derivedKeys.namespace || key.startsWith(derivedKeys.namespaceLabels));
  if (namespace !== '' && !namesPlace) return canonicalSelector([...requirements, requireLabel(derivedKeys.namespace, namespace)]);
  // Initialising pods have no namespace yet: a cluster-wide policy about them speaks of their like, too.
  const pods = selectsInit && namespace === '' ? [] : [requireKey(derivedKeys.namespace)];
  return canonicalSelector([...requirements, ...pods]);
}

function readEndpoints(list: readonly SelectorManifest[], path: JsonPath, context: RuleContext): Peer[] {
  return list.map((selector, index) => {
    const requirements = readSelector(selector, [...path, index], ciliumKeys, context.report);
    return { kind: 'endpoints', selector: confine(requirements, context) };
  });
}

const present = <T>(list: readonly (T | null)[]): T[] => list.filter((member) => member !== null);

/** Readers of the fields that name peers, without their `from` or `to`. */
function readPeerFields(rule: RuleManifest, side: 'from' | 'to', path: JsonPath, context: RuleContext): Map<string, Peer[]> {
  const { report } = context;
  const fields = new Map<string, Peer[]>();
  const read = <T>(name: string, list: readonly T[] | null | undefined, one: (member: T, at: JsonPath) => Peer | null) => {
    if (list != null) fields.set(name, present(list.map((member, index) => one(member, [...path, name, index]))));
  };
  const endpoints = rule[`${side}Endpoints`];
  if (endpoints != null) fields.set(`${side}Endpoints`, readEndpoints(endpoints, [...path, `${side}Endpoints`], context));
  read(`${side}Entities`, rule[`${side}Entities`], (entity) => ({ kind: 'entity', entity }));
  read(`${side}CIDR`, rule[`${side}CIDR`], (cidr, at) => {
    const match = readCidr(cidr, at, report);
    return match && { kind: 'cidr', ...match };
  });
  read(`${side}CIDRSet`, rule[`${side}CIDRSet`], ({ cidr, except }, at) => {
    const match = readPrefixExcept(cidr, except ?? [], at, report);
    return match && { kind: 'cidr', ...match };
  });
  return fields;
}

/** Peers of a rule: null when no field names any, empty when one that does is an empty list (nobody). */
function readPeers(rule: RuleManifest, side: 'from' | 'to', path: JsonPath, context: RuleContext): Peer[] | null {
  const fields = readPeerFields(rule, side, path, context);
  if (fields.size === 0) return null;
  const filled = [...fields].filter(([name]) => rule[name as keyof RuleManifest]?.length !== 0).map(([name]) => name);
  if (filled.length > 1) {
    // Their meaning would be a conjunction, which upstream doesn't implement and refuses.
    reporter(context.report, [...path, filled[1]!])(`${filled.join(' and ')} in one rule`, 'one of them; write a rule for each');
  }
  return filled.length < fields.size ? [] : [...fields.values()].flat();
}

const anyProtocol: readonly PortProtocol[] = ['TCP', 'UDP', 'SCTP'];

/** The matches of one port; with protocol ANY one for each protocol that has ports. */
function readPort({ port, endPort, protocol }: PortsManifest['ports'][number], path: JsonPath, report: Report): PortMatch[] {
  const say = (name: string) => reporter(report, [...path, name]);
  const each = (match: { ports: { first: number; last: number } | null } | { portName: string }): PortMatch[] =>
    (protocol == null || protocol === 'ANY' ? anyProtocol : [protocol]).map((one) => ({ protocol: one, ...match }));
  const last = endPort == null || endPort === 0 ? null : endPort;
  if (!/^(0|[1-9]\d*)$/.test(port)) {
    // As upstream: names are compared in lower case.
    const portName = port.toLowerCase();
    const expected = expectedPortName(portName);
    if (expected !== null)
      say('port')(`found string ${JSON.stringify(port)}`, 'a port number without leading zeros, 0–65535, or a port name');
    if (last !== null) say('endPort')('endPort with a port name', 'a numeric port beside it');
    return each({ portName });
  }
  const first = Number(port);
  if (first > 65535) say('port')(`found string ${JSON.stringify(port)}`, 'a port number, 0–65535 (0: every port)');
  if (last !== null && (last < first || first === 0))
    say('endPort')(`found number ${last}`, first === 0 ? 'no range: port 0 is every port' : `at least ${first}, the port it begins with`);
  return each({ ports: first === 0 ? null : { first, last: last ?? first } });
}

function readPorts(toPorts: readonly PortsManifest[], path: JsonPath, report: Report): PortMatch[] {
  return toPorts.flatMap(({ ports }, outer) => ports.flatMap((port, inner) => readPort(port, [...path, outer, 'ports', inner], report)));
}

/** Reads one rule; isolation and emptiness as in the table of semantics.md. */
export function readCiliumRule(
  section: Rule['section'],
  ruleIndex: number,
  rule: RuleManifest,
  path: JsonPath,
  context: RuleContext,
): Rule {
  const { direction } = sections[section];
  const peers = readPeers(rule, direction === 'ingress' ? 'from' : 'to', path, context);
  const toPorts = rule.toPorts ?? [];
  const ports = toPorts.length === 0 ? null : readPorts(toPorts, [...path, 'toPorts'], context.report);
  if (direction === 'egress' && peers?.some(({ kind }) => kind === 'cidr') && ports?.some((match) => 'portName' in match)) {
    reporter(context.report, [...path, 'toPorts'])('a port name beside a CIDR', 'numbers, or peers that are pods: a name is a pod’s');
  }
  // A rule that names neither peers nor ports matches nothing; with ports alone it is about everyone.
  const everyone: readonly Peer[] = ports === null ? [] : [{ kind: 'any' }];
  return { section, ruleIndex, peers: peers ?? everyone, ports };
}
