import { formatManifestError, parseManifests } from '@myelin/manifest';
import type { LabelRequirement, Policy } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from './parse.ts';

const read = (spec: string, metadata = '{name: p, namespace: shop, uid: u}') => {
  const text = `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: ${metadata}\nspec: ${spec}\n`;
  const { manifests, errors } = parseManifests([{ file: 'f', text }]);
  expect(errors).toEqual([]);
  return parsePolicy(manifests[0]!);
};

const policy = (spec: string): Policy => {
  const parsed = read(spec);
  if (!parsed.ok) throw new Error(parsed.errors.map(formatManifestError).join('\n'));
  return parsed.policy;
};

const problems = (spec: string): string[] => {
  const parsed = read(spec);
  return parsed.ok ? [] : parsed.errors.map((error) => formatManifestError(error).replace(/^f:\d+:\d+: document 1, /, ''));
};

const spec = (text: string) => policy(text).specs[0]!;
const peersOf = (rule: string) => spec(`{ingress: [${rule}]}`).rules[0]?.peers;
const portsOf = (rule: string) => spec(`{ingress: [${rule}]}`).rules[0]?.ports;

const inShop: LabelRequirement = { source: 'k8s', key: 'io.kubernetes.pod.namespace', operator: 'In', values: ['shop'] };
const inSome: LabelRequirement = { source: 'k8s', key: 'io.kubernetes.pod.namespace', operator: 'Exists', values: [] };

describe('a NetworkPolicy', () => {
  it.each([
    ['{}', true, false, 0],
    ['{ingress: []}', true, false, 0],
    ['{ingress: [{}]}', true, false, 1],
    ['{egress: []}', true, false, 0],
    ['{egress: [{}]}', true, true, 1],
    ['{policyTypes: []}', true, false, 0],
    ['{policyTypes: [], egress: [{}]}', true, true, 1],
    ['{policyTypes: [Ingress]}', true, false, 0],
    ['{policyTypes: [Egress]}', false, true, 0],
    ['{policyTypes: [Egress], ingress: [{}]}', false, true, 0],
    ['{policyTypes: [Ingress], egress: [{}]}', true, false, 0],
    ['{policyTypes: [Ingress, Egress]}', true, true, 0],
    ['null', true, false, 0],
  ])('%s isolates ingress: %s, egress: %s, and has %i rules', (text, ingress, egress, rules) => {
    expect(spec(text).isolates).toEqual({ ingress, egress });
    expect(spec(text).rules).toHaveLength(rules);
  });

  it('is named by kind, namespace, name and UID, and selects pods of its namespace', () => {
    expect(policy('{podSelector: {matchLabels: {app: web}}}')).toMatchObject({
      reference: { kind: 'NetworkPolicy', namespace: 'shop', name: 'p', uid: 'u' },
      specs: [{ specIndex: 0, subject: [{ source: 'k8s', key: 'app', operator: 'In', values: ['web'] }, inShop] }],
    });
    const parsed = read('{}', '{name: p}');
    expect(parsed.ok && parsed.policy).toMatchObject({
      reference: { namespace: 'default', uid: '' },
      specs: [{ subject: [{ ...inShop, values: ['default'] }] }],
    });
  });

  it.each(['{}', '{from: []}', '{from: null}', '{ports: []}'])('rule %s is about everyone and everything', (rule) => {
    expect(spec(`{ingress: [${rule}]}`).rules).toEqual([{ section: 'ingress', ruleIndex: 0, peers: [{ kind: 'any' }], ports: null }]);
  });

  it.each([
    ['{podSelector: {}}', [inShop]],
    ['{namespaceSelector: {}}', [inSome]],
    ['{podSelector: {}, namespaceSelector: {}}', [inSome]],
    [
      '{podSelector: {matchLabels: {io.cilium.k8s.policy.serviceaccount: robot}}}',
      [inShop, { source: 'unspec', key: 'io.cilium.k8s.policy.serviceaccount', operator: 'In', values: ['robot'] }],
    ],
    ['{podSelector: {matchLabels: {app: web}}}', [{ source: 'k8s', key: 'app', operator: 'In', values: ['web'] }, inShop]],
    [
      '{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [b, a, b]}]}}',
      [
        { source: 'k8s', key: 'app', operator: 'NotIn', values: ['a', 'b'] },
        { source: 'k8s', key: 'io.cilium.k8s.namespace.labels.team', operator: 'In', values: ['red'] },
        inSome,
      ],
    ],
  ])('peer %s is the pods with these labels', (peer, selector) => {
    expect(peersOf(`{from: [${peer}]}`)).toEqual([{ kind: 'endpoints', selector }]);
  });

  it('ipBlock is read canonically, host bits masked', () => {
    expect(peersOf('{from: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.2.0.0/16, 10.1.9.9/16, 10.2.0.0/16]}}]}')).toEqual([
      { kind: 'ipBlock', prefix: '10.0.0.0/8', except: ['10.1.0.0/16', '10.2.0.0/16'] },
    ]);
  });

  it.each([
    ['{port: 80}', { protocol: 'TCP', ports: { first: 80, last: 80 } }],
    ['{port: 80, endPort: 90, protocol: UDP}', { protocol: 'UDP', ports: { first: 80, last: 90 } }],
    ['{protocol: SCTP}', { protocol: 'SCTP', ports: null }],
    ['{}', { protocol: 'TCP', ports: null }],
    ['{port: http}', { protocol: 'TCP', portName: 'http' }],
  ])('port %s is read as %j', (port, match) => {
    expect(portsOf(`{ports: [${port}]}`)).toEqual([match]);
  });

  it('with a port name beside an ipBlock at egress is read, with a warning: it matches nobody of the block', () => {
    const parsed = read('{egress: [{to: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}, {port: http}]}]}');
    expect(parsed).toMatchObject({
      ok: true,
      policy: {
        specs: [
          {
            rules: [
              {
                ports: [
                  { protocol: 'TCP', ports: { first: 80, last: 80 } },
                  { protocol: 'TCP', portName: 'http' },
                ],
              },
            ],
          },
        ],
      },
    });
    expect(parsed.ok && parsed.warnings.map(formatManifestError)).toEqual([
      'f:4:95: document 1, spec.egress[0].ports[1].port: the port name "http" matches nobody of the ipBlock beside it; expected a number, or peers that are pods',
    ]);
    const fine = [
      '{egress: [{to: [{podSelector: {}}], ports: [{port: http}]}]}',
      '{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]}]}',
    ];
    expect(fine.map((text) => read(text))).toMatchObject(fine.map(() => ({ ok: true, warnings: [] })));
  });

  it.each([
    [
      '{ingres: []}',
      'spec.ingres: unknown field "ingres"; expected one of "podSelector", "policyTypes", "ingress", "egress"; did you mean "ingress"?',
    ],
    ['{ingress: [{to: []}]}', 'spec.ingress[0].to: unknown field "to"; expected one of "from", "ports"'],
    [
      '{policyTypes: [ingress]}',
      'spec.policyTypes[0]: found string "ingress"; expected one of "Ingress", "Egress"; did you mean "Ingress"?',
    ],
    ['{ingress: [{from: [{}]}]}', 'spec.ingress[0].from[0]: names nobody; expected podSelector, namespaceSelector or ipBlock'],
    [
      '{ingress: [{from: [{podSelector: null}]}]}',
      'spec.ingress[0].from[0]: names nobody; expected podSelector, namespaceSelector or ipBlock',
    ],
    [
      '{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}',
      'spec.ingress[0].from[0]: ipBlock together with a selector; expected ipBlock alone, or selectors without it',
    ],
    [
      '{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]}',
      'spec.ingress[0].from[0].ipBlock.cidr: found string "10.0.0.0"; expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32',
    ],
    ['{ingress: [{from: [{ipBlock: {}}]}]}', 'spec.ingress[0].from[0].ipBlock.cidr: missing; expected a string'],
    [
      '{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}',
      'spec.ingress[0].from[0].ipBlock.except[0]: found string "11.0.0.0/16"; expected a CIDR inside 10.0.0.0/8',
    ],
    [
      '{ingress: [{ports: [{port: 0}]}]}',
      'spec.ingress[0].ports[0].port: found number 0; expected a port: a whole number, 1–65535, or the name of a container port',
    ],
    [
      '{ingress: [{ports: [{port: true}]}]}',
      'spec.ingress[0].ports[0].port: found boolean true; expected a port: a whole number, 1–65535, or the name of a container port',
    ],
    ['{ingress: [{ports: [{port: "80"}]}]}', 'spec.ingress[0].ports[0].port: found string "80"; expected a number: 80'],
    [
      '{ingress: [{ports: [{port: HTTP_}]}]}',
      'spec.ingress[0].ports[0].port: found string "HTTP_"; expected a port name: at most 15 of a-z, 0-9 and single "-", at least one letter, first and last a letter or digit',
    ],
    [
      '{ingress: [{ports: [{port: 90, endPort: 80}]}]}',
      'spec.ingress[0].ports[0].endPort: found number 80; expected at least 90, the port it begins with',
    ],
    [
      '{ingress: [{ports: [{port: http, endPort: 80}]}]}',
      'spec.ingress[0].ports[0].endPort: endPort without a numeric port; expected a numeric port beside it',
    ],
    [
      '{ingress: [{ports: [{endPort: 80}]}]}',
      'spec.ingress[0].ports[0].endPort: endPort without a numeric port; expected a numeric port beside it',
    ],
    [
      '{ingress: [{ports: [{protocol: ANY}]}]}',
      'spec.ingress[0].ports[0].protocol: found string "ANY"; expected one of "TCP", "UDP", "SCTP"',
    ],
    [
      '{podSelector: {matchLabels: {"k8s:app": x}}}',
      'spec.podSelector.matchLabels["k8s:app"]: found key "k8s:app"; expected a label key: [prefix/]name, the name at most 63 of A-Z, a-z, 0-9, "-", "_" and ".", first and last a letter or digit',
    ],
    ['{podSelector: {matchLabels: {app: null}}}', 'spec.podSelector.matchLabels.app: found null; expected a string'],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: in, values: [x]}]}}',
      'spec.podSelector.matchExpressions[0].operator: found string "in"; expected one of "In", "NotIn", "Exists", "DoesNotExist"; did you mean "In"?',
    ],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: In}]}}',
      'spec.podSelector.matchExpressions[0].values: no values; expected at least one value with In',
    ],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}}',
      'spec.podSelector.matchExpressions[0].values: found values; expected no values with Exists',
    ],
  ])('%s is refused: %s', (text, line) => {
    expect(problems(text)).toEqual([line]);
  });

  it('is refused with all that is wrong in it at once', () => {
    expect(problems('{ingress: [{from: [{}], ports: [{port: 90, endPort: 80}]}], egress: [{to: [{ipBlock: {cidr: x}}]}]}')).toHaveLength(3);
  });
});
