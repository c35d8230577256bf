import { describe, expect, it } from 'vitest';
import { defaultLabelFilter, passes } from './filter.ts';
import { identityLabels, type PodDescription, splitLabels } from './pod.ts';

const pod: PodDescription = {
  namespace: 'shop',
  labels: { app: 'web', 'pod-template-hash': '5d4f', tier: '' },
  namespaceLabels: { team: 'red' },
  serviceAccount: '',
  cluster: 'default',
  namedPorts: [
    { name: 'http', number: 8080, protocol: 'TCP' },
    { name: 'dns', number: 53, protocol: 'UDP' },
  ],
};

const expected = [
  'k8s:app=web',
  'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop',
  'k8s:io.cilium.k8s.namespace.labels.team=red',
  'k8s:io.cilium.k8s.policy.cluster=default',
  'k8s:io.cilium.k8s.policy.serviceaccount=default',
  'k8s:io.kubernetes.pod.namespace=shop',
  'k8s:tier',
  'named-port:dns=53/UDP',
  'named-port:http=8080/TCP',
];

describe("a pod's identity labels", () => {
  it('are its own, its namespace, account, cluster and named ports, without volatile ones', () => {
    expect(identityLabels(pod)).toEqual(expected);
  });

  it('cannot be forged by labels that the pod writes on itself', () => {
    const labels = { ...pod.labels, 'io.kubernetes.pod.namespace': 'kube-system', 'io.cilium.k8s.policy.serviceaccount': 'admin' };
    expect(identityLabels({ ...pod, labels })).toEqual(expected);
    expect(identityLabels({ ...pod, namespaceLabels: { team: 'red', 'kubernetes.io/metadata.name': 'kube-system' } })).toEqual(expected);
  });

  it('keep namespace, account and cluster whatever the filter says', () => {
    expect(identityLabels(pod, { include: ['k8s:app'], exclude: ['k8s:io.'] })).toEqual([
      'k8s:app=web',
      'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop',
      'k8s:io.cilium.k8s.policy.cluster=default',
      'k8s:io.cilium.k8s.policy.serviceaccount=default',
      'k8s:io.kubernetes.pod.namespace=shop',
      'named-port:dns=53/UDP',
      'named-port:http=8080/TCP',
    ]);
  });

  it('are taken apart into visible labels and named ports', () => {
    const { visible, namedPorts } = splitLabels(identityLabels(pod));
    expect(visible).toEqual(expected.slice(0, 7));
    expect(namedPorts).toEqual([pod.namedPorts[1], pod.namedPorts[0]]);
  });
});

describe('a label filter', () => {
  const app = { source: 'k8s', key: 'app.kubernetes.io/name' } as const;

  it('lets everything pass when it names nothing', () => {
    expect(passes({ include: [], exclude: [] }, app)).toBe(true);
    expect(passes(defaultLabelFilter, app)).toBe(true);
  });

  it('lets only what it includes pass once it includes something', () => {
    expect(passes({ include: ['k8s:team'], exclude: [] }, app)).toBe(false);
  });

  it('goes by the longest prefix, and by the exclusion of two equals', () => {
    expect(passes({ include: ['k8s:app.'], exclude: ['k8s:'] }, app)).toBe(true);
    expect(passes({ include: ['k8s:app.'], exclude: ['k8s:app.kubernetes.io'] }, app)).toBe(false);
    expect(passes({ include: ['k8s:app.'], exclude: ['k8s:app.'] }, app)).toBe(false);
  });
});
