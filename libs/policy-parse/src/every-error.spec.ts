import { parseManifests } from '@myelin/manifest';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from './parse.ts';

/** What is wrong with a document, line and path, in the order of the report. */
const paths = (text: string): string[] => {
  const { manifests, errors } = parseManifests([{ file: 'f', text }]);
  const parsed = parsePolicy(manifests[0]!);
  return [...errors, ...(parsed.ok ? [] : parsed.errors)].map(({ line, path }) => `${line}: ${path}`);
};
const networkPolicy = (spec: string) => `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n${spec}`;
const ciliumPolicy = (spec: string) => `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspec:\n${spec}`;

describe('a document with several slips', () => {
  it('is told all of them from top to bottom, whether its shape is wrong or what it says', () => {
    const text = networkPolicy(`  podSelector: {matchLabels: {"a b": c}}
  ingres: []
  ingress:
  - ports: [{port: 0}, {port: true}, {port: 65536}, {port: 90, endPort: 80}]
    frm: []
  - from:
    - 3
    - ipBlock: {cidr: 10.0.0.0/33, excep: []}
    - ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}
`);
    expect(paths(text)).toEqual([
      '5: spec.podSelector.matchLabels["a b"]',
      '6: spec.ingres',
      '8: spec.ingress[0].ports[0].port',
      '8: spec.ingress[0].ports[1].port',
      '8: spec.ingress[0].ports[2].port',
      '8: spec.ingress[0].ports[3].endPort',
      '9: spec.ingress[0].frm',
      '11: spec.ingress[1].from[0]',
      '12: spec.ingress[1].from[1].ipBlock.cidr',
      '12: spec.ingress[1].from[1].ipBlock.excep',
      '13: spec.ingress[1].from[2].ipBlock.except[0]',
    ]);
  });

  it('of Cilium likewise: fields that are not supported yet hide nothing', () => {
    const text = ciliumPolicy(`  endpointSelector: {matchLabels: {"k9s:app": web}}
  egress:
  - toFQDNs: [{matchName: example.org}]
    toPorts:
    - ports: [{port: 80}, {port: "70000"}]
      rules: {}
    - ports: [{port: "90", endPort: 80}]
  - toCIDR: [10.0.0.0/40]
    icmps: []
  - toCIDR: [10.0.0.0/8]
    toEntities: [world]
`);
    expect(paths(text)).toEqual([
      '5: spec.endpointSelector.matchLabels["k9s:app"]',
      '7: spec.egress[0].toFQDNs',
      '9: spec.egress[0].toPorts[0].ports[0].port',
      '9: spec.egress[0].toPorts[0].ports[1].port',
      '10: spec.egress[0].toPorts[0].rules',
      '11: spec.egress[0].toPorts[1].ports[0].endPort',
      '12: spec.egress[1].toCIDR[0]',
      '13: spec.egress[1].icmps',
      '14: spec.egress[2].toCIDR',
    ]);
  });

  it('is not told what is only a consequence of another slip', () => {
    expect(paths(ciliumPolicy('  endpointSelector: []'))).toEqual(['5: spec.endpointSelector']);
    expect(paths(networkPolicy('  ingress: [{from: [{ipBlock: {cidr: 3}}]}]'))).toEqual(['5: spec.ingress[0].from[0].ipBlock.cidr']);
    expect(paths(networkPolicy('  ingress: [{ports: [{port: [], endPort: 80}]}]'))).toEqual(['5: spec.ingress[0].ports[0].port']);
    const values = '  podSelector: {matchExpressions: [{key: a, operator: In, values: b}]}';
    expect(paths(networkPolicy(values))).toEqual(['5: spec.podSelector.matchExpressions[0].values']);
  });

  it('is told what its rules are wrong in although its name, its version or a field that is there twice is', () => {
    const bad = 'spec: {podSelector: {}, podSelector: {}, ingress: [{from: [{ipBlock: {cidr: x}}]}]}';
    expect(paths(`apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: A_b}\n${bad}`)).toEqual([
      '4: spec.podSelector',
      '1: apiVersion',
      '3: metadata.name',
      '4: spec.ingress[0].from[0].ipBlock.cidr',
    ]);
  });

  it('keeps its place where the same value is written once and used twice', () => {
    const text = networkPolicy(`  ingress:
  - from: &peers [{ipBlock: {cidr: x}}, {podSelectr: {}, podSelector: {}}]
  - from: *peers
    ports: [{port: 0}]
`);
    expect(paths(text)).toEqual([
      '6: spec.ingress[0].from[0].ipBlock.cidr',
      '6: spec.ingress[1].from[0].ipBlock.cidr',
      '6: spec.ingress[0].from[1].podSelectr',
      '6: spec.ingress[1].from[1].podSelectr',
      '8: spec.ingress[1].ports[0].port',
    ]);
  });

  it('is told when nothing of it can be read', () => {
    expect(paths('apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: 3\nspec: 4')).toEqual(['3: metadata', '4: spec']);
  });
});

describe('the nearest name', () => {
  it('may be one that is not supported yet: what was meant is said, and then why it is refused', () => {
    const { manifests } = parseManifests([{ file: 'f', text: ciliumPolicy('  endpointSelector: {}\n  egress: [{toFQDN: []}]') }]);
    const parsed = parsePolicy(manifests[0]!);
    expect(parsed.ok ? [] : parsed.errors.map(({ nearest }) => nearest)).toEqual(['toFQDNs']);
  });
});
