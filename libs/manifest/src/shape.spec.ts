import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseManifests } from './document.ts';
import { formatManifestError, formatPath, nearestName } from './problem.ts';
import { checkShape, field } from './shape.ts';
import { namespaceSchema, nodeSchema, podSchema } from './workload.ts';

const problems = (schema: z.ZodType, text: string): string[] => {
  const { manifests, errors } = parseManifests([{ file: 'f', text }]);
  expect(errors).toEqual([]);
  const shaped = checkShape(manifests[0]!, schema);
  return shaped.ok ? [] : shaped.errors.map((error) => formatManifestError(error).replace(/^f:\d+:\d+: document 1, /, ''));
};

const schema = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  spec: field.optional(
    z.strictObject({
      ports: field.optional(
        z.array(z.strictObject({ port: field.integer(1, 65535, 'a port'), protocol: field.optional(z.enum(['TCP', 'UDP'])) })).max(2),
      ),
      services: field.notYet(),
      labels: field.optional(
        z.record(
          field.text((text) => (text === 'good' ? null : 'the key "good"')),
          z.string(),
        ),
      ),
    }),
  ),
});
const object = (spec: string) => `apiVersion: v1\nkind: X\nspec: ${spec}\n`;

describe('a shape', () => {
  it('holds with every optional field absent or null', () => {
    expect(problems(schema, object('{ports: null, services: null}'))).toEqual([]);
    expect(problems(schema, 'apiVersion: v1\nkind: X\n')).toEqual([]);
  });

  it.each([
    ['{port: []}', 'spec.port: unknown field "port"; expected one of "ports", "labels"; did you mean "ports"?'],
    [
      '{ports: [{port: 1, prtocol: TCP}]}',
      'spec.ports[0].prtocol: unknown field "prtocol"; expected one of "port", "protocol"; did you mean "protocol"?',
    ],
    ['{ports: [{port: 1, zzz: TCP}]}', 'spec.ports[0].zzz: unknown field "zzz"; expected one of "port", "protocol"'],
    ['{services: []}', 'spec.services: not supported yet; expected this field to be left out'],
    ['{ports: [{}]}', 'spec.ports[0].port: missing; expected a port: a whole number, 1–65535'],
    ['{ports: [{port: 70000}]}', 'spec.ports[0].port: found number 70000; expected a port: a whole number, 1–65535'],
    ['{ports: [{port: 1.5}]}', 'spec.ports[0].port: found number 1.5; expected a port: a whole number, 1–65535'],
    [
      '{ports: [{port: 1, protocol: tcp}]}',
      'spec.ports[0].protocol: found string "tcp"; expected one of "TCP", "UDP"; did you mean "TCP"?',
    ],
    ['{ports: {}}', 'spec.ports: found an object; expected a list'],
    ['{ports: [null]}', 'spec.ports[0]: found null; expected an object'],
    ['{ports: [{port: 1}, {port: 1}, {port: 1}]}', 'spec.ports: found a list; expected at most 2 members'],
    ['{labels: {good: 1}}', 'spec.labels.good: found number 1; expected a string'],
    ['{labels: {good: null}}', 'spec.labels.good: found null; expected a string'],
    ['{labels: {bad/key: x}}', 'spec.labels["bad/key"]: found key "bad/key"; expected the key "good"'],
  ])('of %s is told as: %s', (spec, line) => {
    expect(problems(schema, object(spec))).toEqual([line]);
  });

  it('reports all that is wrong at once', () => {
    expect(problems(schema, object('{ports: [{port: 0, x: 1}, {port: a}], more: 1}'))).toHaveLength(4);
  });
});

describe('the nearest name', () => {
  it('is one with at most a third of its letters wrong', () => {
    expect(nearestName('fromEndpoint', ['fromEntities', 'fromEndpoints'])).toBe('fromEndpoints');
    expect(nearestName('xyz', ['from', 'ports'])).toBeUndefined();
    expect(nearestName('TOPORTS', ['toPorts'])).toBe('toPorts');
  });

  it('and paths are written as people write them', () => {
    expect(formatPath(['spec', 'ingress', 0, 'matchLabels', 'k8s:app'])).toBe('spec.ingress[0].matchLabels["k8s:app"]');
  });
});

describe('Pod, Namespace and Node', () => {
  const pod = (metadata: string, spec: string) => `apiVersion: v1\nkind: Pod\nmetadata: ${metadata}\nspec: ${spec}\n`;

  it('accept what else Kubernetes knows', () => {
    const spec =
      '{containers: [{name: c, image: i, resources: {limits: {cpu: 1}}, ports: [{containerPort: 80}]}], tolerations: [], volumes: []}';
    expect(problems(podSchema, pod('{name: a, namespace: b, annotations: {x: y}, labels: {app: web}}', spec))).toEqual([]);
    expect(problems(namespaceSchema, 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\nspec: {finalizers: [kubernetes]}')).toEqual([]);
    const node =
      'spec: {podCIDRs: [10.0.0.0/24, "fd00::/64"], taints: []}\nstatus: {addresses: [{type: InternalIP, address: 10.1.0.1}, {type: Hostname, address: n1}]}';
    expect(problems(nodeSchema, `apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n${node}`)).toEqual([]);
  });

  it.each([
    [podSchema, pod('{name: A}', '{containers: [{name: c}]}'), 'metadata.name: found string "A"; expected at most 253 of'],
    [
      podSchema,
      pod('{name: a, labels: {x: "a b"}}', '{containers: [{name: c}]}'),
      'metadata.labels.x: found string "a b"; expected a label value',
    ],
    [podSchema, pod('{name: a, labels: {x: 1}}', '{containers: [{name: c}]}'), 'metadata.labels.x: found number 1; expected a string'],
    [podSchema, pod('{name: a}', '{containers: []}'), 'spec.containers: found a list; expected at least 1 members'],
    [
      podSchema,
      pod('{name: a}', '{containers: [{name: c, ports: [{containerPort: 0}]}]}'),
      'spec.containers[0].ports[0].containerPort: found number 0; expected a port',
    ],
    [
      nodeSchema,
      'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.0.0.1/24}',
      'spec.podCIDR: found string "10.0.0.1/24"; expected a CIDR',
    ],
    [
      nodeSchema,
      'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: x}]}',
      'status.addresses[0].address: found string "x"; expected an IP address',
    ],
    [namespaceSchema, 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}', 'metadata.name: found string "a.b"; expected at most 63'],
  ])('name what is wrong (%#)', (kind, text, line) => {
    expect(problems(kind, text).map((found) => found.startsWith(line))).toEqual([true]);
  });
});
