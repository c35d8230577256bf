import { describe, expect, it } from 'vitest';
import { bySource, planProbes, readProbes } from './probes.ts';

const places = new Map([
  ['shop/web', ['10.0.0.2', 'fd00::2']],
  ['shop/old', ['10.0.0.3']],
  ['node:a', ['172.30.0.11', 'fd30::11']],
  ['outside', ['198.51.100.10', '2001:db8:ffff::10']],
  ['svc:shop/web', ['10.96.0.7', 'fd00:96::7']],
  ['svc:shop/old', ['10.96.0.8']],
  ['svc:shop/headless', []],
]);
const plan = (...probes: object[]) => planProbes(readProbes(JSON.stringify(probes)), places);

describe('readProbes', () => {
  it('names what is wrong by its JSON path, all at once', () => {
    const text = JSON.stringify([
      { from: 'outside', to: 'shop/web', protocol: 'SCTP' },
      { from: 'outside', to: 'shop/web', port: 70000, protocol: 'TCP', famly: 4 },
    ]);
    expect(() => readProbes(text)).toThrow(/\$\[0\]\.protocol: [\s\S]*\$\[1\]\.port: [\s\S]*famly/);
  });
  it('says that it is no JSON', () => {
    expect(() => readProbes('[{')).toThrow(/no JSON/);
  });
});

describe('planProbes', () => {
  it('takes IPv4 unless IPv6 is asked for', () => {
    expect(
      plan(
        { from: 'outside', to: 'shop/web', port: 80, protocol: 'TCP' },
        { from: 'outside', to: 'shop/web', port: 80, protocol: 'UDP', family: 6 },
      ),
    ).toEqual([
      { from: 'outside', job: { protocol: 'TCP', address: '10.0.0.2', port: 80 } },
      { from: 'outside', job: { protocol: 'UDP', address: 'fd00::2', port: 80 } },
    ]);
  });
  it('takes addresses that stand for themselves, with the family that they have', () => {
    expect(plan({ from: 'shop/web', to: 'ip:2001:db8::5', protocol: 'ICMP' })).toEqual([
      { from: 'shop/web', job: { protocol: 'ICMP', address: '2001:db8::5', port: 0 } },
    ]);
  });
  it('answers unreachable where the target has no address of the family', () => {
    expect(plan({ from: 'outside', to: 'shop/old', port: 80, protocol: 'TCP', family: 6 })).toEqual([{ error: 'unreachable' }]);
  });
  it('takes the ClusterIP of a Service, of the family that is asked for', () => {
    const probe = { from: 'outside', to: 'svc:shop/web', port: 80, protocol: 'TCP' };
    expect(plan(probe, { ...probe, family: 6 }, { ...probe, to: 'svc:shop/old', family: 6 })).toEqual([
      { from: 'outside', job: { protocol: 'TCP', address: '10.96.0.7', port: 80 } },
      { from: 'outside', job: { protocol: 'TCP', address: 'fd00:96::7', port: 80 } },
      { error: 'unreachable' },
    ]);
  });
  it('answers unsupported for Services that have no address or are not there', () => {
    expect(plan({ from: 'outside', to: 'svc:shop/unknown', port: 80, protocol: 'TCP' })).toEqual([{ error: 'unsupported' }]);
    expect(plan({ from: 'outside', to: 'svc:shop/headless', port: 80, protocol: 'TCP' })).toEqual([{ error: 'unsupported' }]);
  });
  it.each([
    [{ from: 'shop/none', to: 'outside', port: 1, protocol: 'TCP' }, /\$\[0\]\.from: there is no "shop\/none"/],
    [{ from: 'outside', to: 'node:z', port: 1, protocol: 'TCP' }, /\$\[0\]\.to: there is no "node:z"/],
    [{ from: 'outside', to: 'ip:10.0.0', port: 1, protocol: 'TCP' }, /\$\[0\]\.to: there is no "ip:10\.0\.0"/],
    [{ from: 'outside', to: 'node:a', protocol: 'TCP' }, /\$\[0\]\.port: missing/],
  ])('refuses %j', (probe, message) => {
    expect(() => plan(probe)).toThrow(message);
  });
});

it('groups probes by the place that sends them, and leaves out what is answered already', () => {
  const to = { to: 'outside', port: 80, protocol: 'TCP' };
  const planned = plan(
    { from: 'shop/web', ...to },
    { from: 'node:a', ...to },
    { from: 'shop/web', ...to, to: 'svc:a/b' },
    { from: 'shop/web', ...to },
  );
  expect([...bySource(planned)]).toEqual([
    ['shop/web', [0, 3]],
    ['node:a', [1]],
  ]);
});
