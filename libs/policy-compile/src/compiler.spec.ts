import type { Policy } from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { PolicyCompiler } from './compiler.ts';

const label = (key: string, value: string) => ({ source: 'k8s', key, operator: 'In', values: [value] }) as const;

/** web may be reached by api on 80. */
const webFromApi: Policy = {
  reference: { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: 'u' },
  specs: [
    {
      specIndex: 0,
      subject: [label('app', 'web')],
      isolates: { ingress: true, egress: false },
      rules: [
        {
          section: 'ingress',
          ruleIndex: 0,
          peers: [{ kind: 'endpoints', selector: [label('app', 'api')] }],
          ports: [{ protocol: 'TCP', ports: { first: 80, last: 80 } }],
        },
      ],
    },
  ],
};

describe('the policy compiler', () => {
  it('touches the subjects of rules that name an identity, and nobody else', () => {
    const compiler = new PolicyCompiler();
    compiler.apply({ kind: 'identity-put', identity: 300, labels: ['k8s:app=web'] });
    compiler.apply({ kind: 'identity-put', identity: 301, labels: ['k8s:app=db'] });
    expect([...compiler.apply({ kind: 'policy-put', policy: webFromApi })]).toEqual([300]);
    expect([...compiler.apply({ kind: 'identity-put', identity: 302, labels: ['k8s:app=api'] })].sort()).toEqual([300, 302]);
    expect([...compiler.apply({ kind: 'identity-put', identity: 303, labels: ['k8s:app=db'] })]).toEqual([303]);
    expect([...compiler.apply({ kind: 'identity-delete', identity: 302 })].sort()).toEqual([300, 302]);
    expect([...compiler.apply({ kind: 'policy-delete', reference: webFromApi.reference })]).toEqual([300]);
  });

  it('touches the subjects of egress rules about everyone who bears a port name, when one comes or goes', () => {
    const compiler = new PolicyCompiler();
    const toHttp: Policy = {
      ...webFromApi,
      specs: [
        {
          ...webFromApi.specs[0]!,
          rules: [{ section: 'egress', ruleIndex: 0, peers: [{ kind: 'any' }], ports: [{ protocol: 'TCP', portName: 'http' }] }],
        },
      ],
    };
    compiler.apply({ kind: 'identity-put', identity: 300, labels: ['k8s:app=web'] });
    compiler.apply({ kind: 'policy-put', policy: toHttp });
    const bearer = { kind: 'identity-put', identity: 301, labels: ['k8s:app=db', 'named-port:http=8080/TCP'] } as const;
    expect([...compiler.apply(bearer)].sort()).toEqual([300, 301]);
    expect(compiler.compiled(300)?.egress.entries).toMatchObject([{ peer: { identity: 301 }, ports: { first: 8080, last: 8080 } }]);
    expect([...compiler.apply({ kind: 'identity-delete', identity: 301 })].sort()).toEqual([300, 301]);
    expect(compiler.compiled(300)?.egress.entries).toEqual([]);
  });

  it('keeps what an event doesn’t touch: the same policy is the same object', () => {
    const compiler = new PolicyCompiler();
    compiler.apply({ kind: 'identity-put', identity: 300, labels: ['k8s:app=web'] });
    compiler.apply({ kind: 'policy-put', policy: webFromApi });
    const before = compiler.compiled(300);
    compiler.apply({ kind: 'identity-put', identity: 303, labels: ['k8s:app=db'] });
    expect(compiler.compiled(300)).toBe(before);
  });

  it('knows the subjects of a policy, and of none that it doesn’t have', () => {
    const compiler = new PolicyCompiler();
    compiler.apply({ kind: 'identity-put', identity: 301, labels: ['k8s:app=web', 'k8s:x=y'] });
    compiler.apply({ kind: 'identity-put', identity: 300, labels: ['k8s:app=web'] });
    compiler.apply({ kind: 'policy-put', policy: webFromApi });
    expect(compiler.subjectsOf(webFromApi.reference)).toEqual([300, 301]);
    expect(compiler.subjectsOf({ ...webFromApi.reference, name: 'other' })).toEqual([]);
  });

  it('has no policy for an identity that it doesn’t know, and never one for a reserved identity', () => {
    const compiler = new PolicyCompiler();
    const everyone: Policy = { ...webFromApi, specs: [{ ...webFromApi.specs[0]!, subject: [] }] };
    expect([...compiler.apply({ kind: 'policy-put', policy: everyone })]).toEqual([]);
    expect([1, 300].map((identity) => compiler.compiled(identity))).toEqual([null, null]);
    expect(() => compiler.apply({ kind: 'identity-put', identity: 9, labels: [] })).toThrow(RangeError);
  });
});
