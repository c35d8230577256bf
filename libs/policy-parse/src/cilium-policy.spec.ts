import { formatManifestError, parseManifests } from '@myelin/manifest';
import type { LabelRequirement, PolicySpec } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from './parse.ts';

const parse = (kind: string, metadata: string, body: string) => {
  const { manifests, errors } = parseManifests([
    { file: 'f', text: `apiVersion: cilium.io/v2\nkind: ${kind}\nmetadata: ${metadata}\n${body}\n` },
  ]);
  expect(errors).toEqual([]);
  return parsePolicy(manifests[0]!);
};
const readIn = (body: string) => parse('CiliumNetworkPolicy', '{name: p, namespace: shop}', body);
const readWide = (body: string) => parse('CiliumClusterwideNetworkPolicy', '{name: p}', body);

const specsOf = (parsed: ReturnType<typeof parse>): readonly PolicySpec[] => {
  if (!parsed.ok) throw new Error(parsed.errors.map(formatManifestError).join('\n'));
  return parsed.policy.specs;
};
const spec = (rules: string) => specsOf(readIn(`spec: {endpointSelector: {}, ${rules}}`))[0]!;
const wideSpec = (rules: string) => specsOf(readWide(`spec: {endpointSelector: {}, ${rules}}`))[0]!;
const problems = (body: string): string[] => {
  const parsed = readIn(body);
  return parsed.ok ? [] : parsed.errors.map((error) => formatManifestError(error).replace(/^f:\d+:\d+: document 1, /, ''));
};

const label = (key: string, ...values: string[]): LabelRequirement => ({
  source: 'k8s',
  key,
  operator: values.length > 0 ? 'In' : 'Exists',
  values,
});
const inShop = label('io.kubernetes.pod.namespace', 'shop');
const inSome = label('io.kubernetes.pod.namespace');

describe('the isolation of a CiliumNetworkPolicy', () => {
  it.each([
    ['', false, false, 0],
    ['ingress: []', false, false, 0],
    ['ingress: [{}]', true, false, 1],
    ['ingressDeny: [{}]', true, false, 1],
    ['egress: [{}]', false, true, 1],
    ['egressDeny: [{toPorts: [{ports: [{port: "80"}]}]}]', false, true, 1],
    ['ingress: [{}], enableDefaultDeny: {ingress: false}', false, false, 1],
    ['ingress: [{}], enableDefaultDeny: {egress: true}', true, true, 1],
    ['enableDefaultDeny: {ingress: true}', true, false, 0],
  ])('with {%s} is ingress: %s, egress: %s, with %i rules', (rules, ingress, egress, count) => {
    expect(spec(rules).isolates).toEqual({ ingress, egress });
    expect(spec(rules).rules).toHaveLength(count);
  });
});

describe('the rules of a CiliumNetworkPolicy', () => {
  it('that name neither peers nor ports match nothing; with ports they are about everyone', () => {
    expect(spec('ingress: [{}]').rules).toEqual([{ section: 'ingress', ruleIndex: 0, peers: [], ports: null }]);
    expect(spec('ingress: [{toPorts: []}]').rules[0]).toMatchObject({ peers: [], ports: null });
    expect(spec('ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]').rules[0]).toEqual({
      section: 'ingress',
      ruleIndex: 0,
      peers: [{ kind: 'any' }],
      ports: [{ protocol: 'TCP', ports: { first: 80, last: 80 } }],
    });
  });

  it.each(['fromEndpoints: []', 'fromEntities: []', 'fromCIDR: []', 'fromCIDRSet: []', 'fromEndpoints: [], fromEntities: [world]'])(
    'with an empty peer list are about nobody: %s',
    (peers) => {
      expect(spec(`ingress: [{${peers}, toPorts: [{ports: [{port: "80"}]}]}]`).rules[0]?.peers).toEqual([]);
    },
  );

  it.each([
    ['{}', [inShop]],
    ['{matchLabels: {app: web}}', [{ source: 'any', key: 'app', operator: 'In', values: ['web'] }, inShop]],
    ['{matchLabels: {"k8s:app": web}}', [label('app', 'web'), inShop]],
    ['{matchLabels: {"any:app": web}}', [{ source: 'any', key: 'app', operator: 'In', values: ['web'] }, inShop]],
    ['{matchLabels: {k8s.app: web}}', [{ source: 'any', key: 'k8s.app', operator: 'In', values: ['web'] }, inShop]],
    ['{matchLabels: {"k8s:io.kubernetes.pod.namespace": other}}', [inSome, label('io.kubernetes.pod.namespace', 'other')]],
    [
      '{matchLabels: {io.kubernetes.pod.namespace: other}}',
      [{ source: 'any', key: 'io.kubernetes.pod.namespace', operator: 'In', values: ['other'] }, inSome],
    ],
    [
      '{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: NotIn, values: [shop]}]}',
      [inSome, { ...label('io.kubernetes.pod.namespace', 'shop'), operator: 'NotIn' }],
    ],
    ['{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}', [inSome]],
    ['{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": red}}', [label('io.cilium.k8s.namespace.labels.team', 'red'), inSome]],
    ['{matchLabels: {"reserved:host": ""}}', [{ source: 'reserved', key: 'host', operator: 'In', values: [''] }]],
  ])('fromEndpoints %s means the endpoints with these labels', (selector, requirements) => {
    expect(spec(`ingress: [{fromEndpoints: [${selector}]}]`).rules[0]?.peers).toEqual([{ kind: 'endpoints', selector: requirements }]);
  });

  it('of a cluster-wide policy are about pods of every namespace unless they name one', () => {
    const peers = (selector: string) => wideSpec(`egress: [{toEndpoints: [${selector}]}]`).rules[0]?.peers;
    expect(peers('{}')).toEqual([{ kind: 'endpoints', selector: [inSome] }]);
    expect(peers('{matchLabels: {"k8s:io.kubernetes.pod.namespace": other}}')).toEqual([
      { kind: 'endpoints', selector: [inSome, label('io.kubernetes.pod.namespace', 'other')] },
    ]);
    expect(peers('{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": red}}')).toEqual([
      { kind: 'endpoints', selector: [label('io.cilium.k8s.namespace.labels.team', 'red'), inSome] },
    ]);
    expect(peers('{matchLabels: {"reserved:world": ""}}')).toEqual([
      { kind: 'endpoints', selector: [{ source: 'reserved', key: 'world', operator: 'In', values: [''] }] },
    ]);
  });

  it('name entities and CIDRs, a single address being its own', () => {
    expect(spec('egress: [{toEntities: [world, host]}]').rules[0]?.peers).toEqual([
      { kind: 'entity', entity: 'world' },
      { kind: 'entity', entity: 'host' },
    ]);
    expect(spec('egress: [{toCIDR: [10.1.2.3/8, "2001:db8::1"]}]').rules[0]?.peers).toEqual([
      { kind: 'cidr', prefix: '10.0.0.0/8', except: [] },
      { kind: 'cidr', prefix: '2001:db8::1/128', except: [] },
    ]);
    expect(spec('egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16, 10.1.0.0/16]}]}]').rules[0]?.peers).toEqual([
      { kind: 'cidr', prefix: '10.0.0.0/8', except: ['10.1.0.0/16', '10.9.0.0/16'] },
    ]);
  });

  it.each([
    ['{port: "80", protocol: UDP}', [{ protocol: 'UDP', ports: { first: 80, last: 80 } }]],
    ['{port: "80", endPort: 90, protocol: TCP}', [{ protocol: 'TCP', ports: { first: 80, last: 90 } }]],
    ['{port: "80", endPort: 0, protocol: TCP}', [{ protocol: 'TCP', ports: { first: 80, last: 80 } }]],
    ['{port: "0", protocol: TCP}', [{ protocol: 'TCP', ports: null }]],
    ['{port: HTTP, protocol: TCP}', [{ protocol: 'TCP', portName: 'http' }]],
    ['{port: "53"}', ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ protocol, ports: { first: 53, last: 53 } }))],
    ['{port: dns, protocol: ANY}', ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ protocol, portName: 'dns' }))],
  ])('have port %s as %j', (port, matches) => {
    expect(spec(`egress: [{toPorts: [{ports: [${port}]}]}]`).rules[0]?.ports).toEqual(matches);
  });

  it('stand in sections and specs that origins can name', () => {
    const specs = specsOf(
      readIn('spec: {endpointSelector: {}, ingress: [{}]}\nspecs: [{endpointSelector: {matchLabels: {a: b}}, egressDeny: [{}, {}]}]'),
    );
    expect(specs.map(({ specIndex, rules }) => [specIndex, rules.map(({ section, ruleIndex }) => `${section}${ruleIndex}`)])).toEqual([
      [0, ['ingress0']],
      [1, ['egressDeny0', 'egressDeny1']],
    ]);
    expect(specs[1]?.subject).toEqual([{ source: 'any', key: 'a', operator: 'In', values: ['b'] }, inShop]);
  });
});

describe('a CiliumNetworkPolicy', () => {
  it('selects endpoints of its namespace, a cluster-wide one of all', () => {
    expect(spec('').subject).toEqual([inShop]);
    expect(wideSpec('').subject).toEqual([]);
  });

  it('may describe itself and carry a status', () => {
    const parsed = readIn('spec: {endpointSelector: {}, description: text, labels: [{key: a}]}\nstatus: {conditions: []}');
    expect(parsed.ok).toBe(true);
  });

  const notYet = (path: string) => `${path}: not supported yet; expected this field to be left out`;
  it.each([
    ['nodeSelector: {}', 'spec.nodeSelector'],
    ['log: {value: x}', 'spec.log'],
    ...['fromRequires', 'fromNodes', 'fromGroups', 'icmps', 'authentication'].map((name) => [
      `ingress: [{${name}: []}]`,
      `spec.ingress[0].${name}`,
    ]),
    ...['toRequires', 'toNodes', 'toGroups', 'toServices', 'toFQDNs', 'icmps', 'authentication'].map((name) => [
      `egress: [{${name}: [{}]}]`,
      `spec.egress[0].${name}`,
    ]),
    ['egressDeny: [{toServices: []}]', 'spec.egressDeny[0].toServices'],
    ...['rules', 'terminatingTLS', 'originatingTLS', 'serverNames', 'listener'].map((name) => [
      `egress: [{toPorts: [{ports: [{port: "80"}], ${name}: {}}]}]`,
      `spec.egress[0].toPorts[0].${name}`,
    ]),
    ['egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: x}]}]', 'spec.egress[0].toCIDRSet[0].cidrGroupRef'],
    ['ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupSelector: {}}]}]', 'spec.ingress[0].fromCIDRSet[0].cidrGroupSelector'],
  ])('refuses by name what is not built yet: %s', (rules, path) => {
    expect(problems(`spec: {endpointSelector: {}, ${rules}}`)).toEqual([notYet(path)]);
  });

  it.each([
    ['spec: {ingress: []}', 'spec.endpointSelector: missing; expected a selector; {} selects every endpoint'],
    ['', 'spec: neither spec nor specs holds a rule; expected spec, or a list specs with a member'],
    ['spec: {endpointSelector: {}, ingressDenny: []}', 'did you mean "ingressDeny"?'],
    ['spec: {endpointSelector: {}, ingress: [{fromEndpoint: []}]}', 'did you mean "fromEndpoints"?'],
    ['spec: {endpointSelector: {}, egress: [{toEntities: [wrld]}]}', 'did you mean "world"?'],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: 80}]}]}]}',
      'spec.egress[0].toPorts[0].ports[0].port: found number 80; expected a string: a port number such as "80", or the name of a container port',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "70000"}]}]}]}',
      'ports[0].port: found string "70000"; expected a port number, 0–65535',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "080"}]}]}]}',
      'ports[0].port: found string "080"; expected a port number without leading zeros',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "90", endPort: 80}]}]}]}',
      'endPort: found number 80; expected at least 90',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: "0", endPort: 80}]}]}]}',
      'endPort: found number 80; expected no range',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [{port: http, endPort: 80}]}]}]}',
      'endPort with a port name; expected a numeric port',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toPorts: [{ports: []}]}]}',
      'spec.egress[0].toPorts[0].ports: found a list; expected at least 1 members',
    ],
    ['spec: {endpointSelector: {}, egress: [{toPorts: [{}]}]}', 'spec.egress[0].toPorts[0].ports: missing; expected a list'],
    [
      `spec: {endpointSelector: {}, egress: [{toPorts: [{ports: [${new Array(41).fill('{port: "80"}').join(', ')}]}]}]}`,
      'expected at most 40 members',
    ],
    [
      'spec: {endpointSelector: {}, egressDeny: [{toPorts: [{ports: [{port: "80"}], rules: {}}]}]}',
      'unknown field "rules"; expected "ports"',
    ],
    [
      'spec: {endpointSelector: {}, ingress: [{fromEndpoints: [{}], fromCIDR: [10.0.0.0/8]}]}',
      'spec.ingress[0].fromCIDR: fromEndpoints and fromCIDR in one rule; expected one of them; write a rule for each',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/8], toPorts: [{ports: [{port: http}]}]}]}',
      'spec.egress[0].toPorts: a port name beside a CIDR',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/40]}]}',
      'spec.egress[0].toCIDR[0]: found string "10.0.0.0/40"; expected a CIDR',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.1}]}]}',
      'spec.egress[0].toCIDRSet[0].cidr: found string "10.0.0.1"; expected a CIDR',
    ],
    [
      'spec: {endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: ["::/0"]}]}]}',
      'except[0]: found string "::/0"; expected a CIDR inside 10.0.0.0/8',
    ],
    [
      'spec: {endpointSelector: {matchLabels: {"k9s:app": x}}}',
      'spec.endpointSelector.matchLabels["k9s:app"]: unknown label source "k9s"; expected one of "k8s", "container", "cidr", "fqdn", "reserved", "node", "any", "unspec"; did you mean "k8s"?',
    ],
    ['spec: {endpointSelector: {matchLabels: {"named-port:http": x}}}', 'unknown label source "named-port"'],
    ['spec: {endpointSelector: {matchLabels: {"k8s:": x}}}', 'found key "k8s:"; expected a label key'],
    [
      'spec: {endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": other}}}',
      `names namespace "other"; expected "shop", the policy's own`,
    ],
  ])('%s is refused', (body, line) => {
    const found = problems(body);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(line);
  });
});

describe('kinds', () => {
  it('that are not supported yet, and documents that are no policies, are refused by name', () => {
    const refuse = (kind: string) => {
      const { manifests } = parseManifests([{ file: 'f', text: `apiVersion: x/v1\nkind: ${kind}` }]);
      const parsed = parsePolicy(manifests[0]!);
      return parsed.ok ? '' : formatManifestError(parsed.errors[0]!);
    };
    expect(refuse('ClusterNetworkPolicy')).toContain(
      'kind: policies of kind ClusterNetworkPolicy are not supported yet; expected NetworkPolicy, ',
    );
    expect(refuse('Service')).toContain('kind: Service is no policy');
    expect(refuse('NetworkPolicy')).toContain('apiVersion: found string "x/v1"; expected "networking.k8s.io/v1"');
    expect(refuse('constructor')).toContain('constructor is no policy');
  });
});
