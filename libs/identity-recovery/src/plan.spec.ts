import { describe, expect, it } from 'vitest';
import { type KnownRow, mergeKnown } from './known.ts';
import { type KnownState, planRecovery } from './plan.ts';

const at = (counter: number, incarnation = 7) => ({ incarnation: BigInt(incarnation), counter: BigInt(counter) });
const web = ['k8s:app=web'];
const db = ['k8s:app=db'];
const identity = (number: number, labels: string[], counter: number) =>
  [`${number}`, { revision: at(counter), row: { number, labels } }] as const;
const gone = (key: string, counter: number): readonly [string, KnownRow<never>] => [key, { revision: at(counter), row: null }];
const address = (text: string, number: number, node: string, endpointUid: string, counter: number) =>
  [
    text,
    { revision: at(counter), row: { address: text, identity: number, node, endpointUid, namespace: 'shop', name: endpointUid } },
  ] as const;
const node = (name: string) => [name, { revision: at(1), row: { name } }] as const;
const claim = (uid: string, ...numbers: (readonly [number: number, labels: string[], counter: number])[]) => ({
  uid,
  numbers: numbers.map(([number, labels, counter]) => ({ number, labels, revision: at(counter) })),
});

const state = (part: Partial<KnownState<{ name: string }>>): KnownState<{ name: string }> => ({
  identities: new Map(),
  endpoints: new Map(),
  nodes: new Map([node('n1'), node('n2')]),
  areNodesWhole: true,
  claims: new Map(),
  ...part,
});

describe('C4: rows of whole buckets and of agents', () => {
  it('come together as what stands at the greatest revision', () => {
    const whole = new Map<string, KnownRow<{ number: number; labels: string[] }>>([identity(300, web, 5), gone('301', 6)]);
    const presented = new Map([identity(300, db, 4), identity(301, db, 8)]);
    expect([...mergeKnown(whole, presented)]).toEqual([identity(300, web, 5), identity(301, db, 8)]);
  });

  it('that a whole bucket has forgotten were removed: a node that lags brings nothing back', () => {
    const known = mergeKnown(new Map([identity(300, web, 9)]), new Map([identity(301, db, 4)]));
    expect(known.get('301')).toEqual({ revision: at(9), row: null });
    expect(mergeKnown(null, new Map([identity(301, db, 4)])).get('301')).toEqual({ revision: at(4), row: { number: 301, labels: db } });
  });
});

describe('C1, C4: a number', () => {
  it('stays that of its label set while an endpoint holds it', () => {
    const plan = planRecovery(
      state({
        identities: new Map([identity(300, web, 1), identity(301, db, 2)]),
        endpoints: new Map([address('10.0.0.1', 300, 'n1', 'a', 1)]),
        claims: new Map([['n1', [claim('a', [300, web, 1]), claim('b', [301, db, 2])]]]),
      }),
    );
    expect(plan.identities).toEqual([
      { number: 300, labels: web },
      { number: 301, labels: db },
    ]);
    expect(plan.holders).toEqual([
      { node: 'n1', uid: 'a', numbers: [300], addresses: ['10.0.0.1'] },
      { node: 'n1', uid: 'b', numbers: [301], addresses: [] },
    ]);
    expect([plan.quarantined, plan.refused]).toEqual([[], []]);
  });

  it('that two sets claim is that of the greatest assignment revision, and the other one is told', () => {
    const claims = new Map([
      ['n1', [claim('a', [300, web, 3])]],
      ['n2', [claim('b', [300, db, 8])]],
    ]);
    const plan = planRecovery(state({ claims }));
    expect(plan.identities).toEqual([{ number: 300, labels: db }]);
    expect(plan.refused).toEqual([{ node: 'n1', uid: 'a', number: 300 }]);
  });

  it('that was given away since belongs to whom the row names, whoever claims it', () => {
    const identities = new Map([identity(300, db, 9)]);
    const endpoints = new Map([address('10.0.0.2', 300, 'n2', 'b', 9)]);
    const plan = planRecovery(state({ identities, endpoints, claims: new Map([['n1', [claim('a', [300, web, 3])]]]) }));
    expect(plan.identities).toEqual([{ number: 300, labels: db }]);
    expect(plan.refused).toEqual([{ node: 'n1', uid: 'a', number: 300 }]);
  });

  it('that was removed since is nobody’s, and quarantined', () => {
    const plan = planRecovery(state({ identities: new Map([gone('300', 9)]), claims: new Map([['n1', [claim('a', [300, web, 3])]]]) }));
    expect(plan.identities).toEqual([]);
    expect(plan.quarantined).toEqual([{ number: 300, labels: null }]);
    expect(plan.refused).toEqual([{ node: 'n1', uid: 'a', number: 300 }]);
  });

  it('of a set that has another one by a later assignment is quarantined', () => {
    const plan = planRecovery(state({ claims: new Map([['n1', [claim('a', [300, web, 3]), claim('b', [400, web, 5])]]]) }));
    expect(plan.identities).toEqual([{ number: 400, labels: web }]);
    expect(plan.quarantined).toEqual([{ number: 300, labels: web }]);
    expect(plan.refused).toEqual([{ node: 'n1', uid: 'a', number: 300 }]);
  });

  it('that nobody holds is quarantined, with the set that may have it again', () => {
    const plan = planRecovery(state({ identities: new Map([identity(300, web, 1)]) }));
    expect(plan).toMatchObject({ identities: [], quarantined: [{ number: 300, labels: web }] });
  });
});

describe('C4: an address', () => {
  const identities = new Map([identity(300, web, 1)]);
  const endpoints = new Map([address('10.0.0.1', 300, 'n1', 'a', 1)]);

  it('of a node that is silent comes back, with its number', () => {
    expect(planRecovery(state({ identities, endpoints })).holders).toEqual([
      { node: 'n1', uid: 'a', numbers: [300], addresses: ['10.0.0.1'] },
    ]);
  });

  it('of an endpoint that its node does not have any more does not', () => {
    expect(planRecovery(state({ identities, endpoints, claims: new Map([['n1', []]]) })).endpoints).toEqual([]);
  });

  it('of a node that had been taken away does not', () => {
    expect(planRecovery(state({ identities, endpoints, nodes: new Map([gone('n1', 2)]) })).endpoints).toEqual([]);
    expect(planRecovery(state({ identities, endpoints, nodes: new Map(), areNodesWhole: false })).endpoints).toHaveLength(1);
  });

  it('that was published under what its number doesn’t mean any more does not', () => {
    const claims = new Map([['n2', [claim('b', [300, db, 8])]]]);
    expect(planRecovery(state({ identities, endpoints, claims }))).toMatchObject({
      endpoints: [],
      identities: [{ number: 300, labels: db }],
    });
  });

  it('is published under one number with the others of its endpoint: the one that was published last', () => {
    const both = new Map([address('10.0.0.1', 300, 'n1', 'a', 1), address('fd00::1', 301, 'n1', 'a', 4)]);
    const plan = planRecovery(state({ identities: new Map([identity(300, web, 1), identity(301, db, 2)]), endpoints: both }));
    expect(plan.endpoints.map(({ identity: number }) => number)).toEqual([301, 301]);
  });
});
