import { EndpointSpec } from '@myelin/contracts/agent';
import { describe, expect, it } from 'vitest';
import { labelsOf, readSpec, specMessage } from './endpoint-spec.ts';

const message = EndpointSpec.fromPartial({
  uid: 'u1',
  namespace: 'shop',
  name: 'web',
  labels: { app: 'web' },
  netns: '/run/netns/web',
  namedPorts: [{ name: 'http', port: 80, protocol: 'TCP' }],
  addresses: ['FD00::1'],
});
const problemsOf = (changes: Partial<EndpointSpec>) => {
  const reading = readSpec({ ...message, ...changes });
  return reading.kind === 'invalid' ? reading.problems : [];
};

describe('readSpec', () => {
  it('fills in the usual interface name and writes addresses in one way', () => {
    expect(readSpec(message)).toMatchObject({
      kind: 'spec',
      spec: { interfaceName: 'eth0', addresses: ['fd00::1'], namedPorts: [{ number: 80 }] },
    });
  });
  it('says all that is wrong at once', () => {
    expect(
      problemsOf({ uid: '', netns: 'relative', addresses: ['10.1'], namedPorts: [{ name: 'x', port: 0, protocol: 'tcp' }] }),
    ).toHaveLength(5);
    expect(readSpec(undefined).kind).toBe('invalid');
  });
  it.each([
    [{ netns: '/run/netns/a b' }, 'netns'],
    [{ interfaceName: 'a/b' }, 'interface_name'],
    [{ addresses: ['10.1.0.1', '10.1.0.2'] }, 'more than one IPv4'],
  ])('refuses %j: it would end up in a command', (changes, text) => {
    expect(problemsOf(changes).join()).toContain(text);
  });
  it('is undone by specMessage', () => {
    const reading = readSpec(message);
    expect(reading.kind === 'spec' && readSpec(specMessage(reading.spec))).toEqual(reading);
  });
});

describe('labelsOf', () => {
  it('makes namespace, account, cluster and named ports part of the identity', () => {
    const reading = readSpec(message);
    expect(reading.kind === 'spec' && labelsOf(reading.spec, 'default')).toEqual([
      'k8s:app=web',
      'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop',
      'k8s:io.cilium.k8s.policy.cluster=default',
      'k8s:io.cilium.k8s.policy.serviceaccount=default',
      'k8s:io.kubernetes.pod.namespace=shop',
      'named-port:http=80/TCP',
    ]);
  });
});
