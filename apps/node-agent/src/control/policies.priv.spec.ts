import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountBpfFileSystem, unmountBpfFileSystem } from '@myelin/bpf-native';
import { Datapath } from '@myelin/datapath';
import { type CompiledPolicy, digestOf } from '@myelin/policy-model';
import { silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyBatch } from '../adapters/policy-subscription.ts';
import { StateFolder } from '../adapters/state-folder.ts';
import { Policies } from './policies.ts';

let folder: string;
let datapath: Datapath;
/** Identities that the node's endpoints have or wait for. */
let wanted: number[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-policies-'));
  mkdirSync(join(folder, 'bpf'));
  mountBpfFileSystem(join(folder, 'bpf'));
  mkdirSync(join(folder, 'bpf', 'node'));
  datapath = await Datapath.open({ bpffs: join(folder, 'bpf', 'node'), sizes: { flows_v4: 64, flows_v6: 64 } });
  wanted = [];
});
afterEach(() => {
  datapath.close();
  unmountBpfFileSystem(join(folder, 'bpf'));
  rmSync(folder, { recursive: true });
});

/** What a process of the agent makes of kernel and state folder. */
const open = () => {
  const nothing = () => {};
  const state = new StateFolder(join(folder, 'state'));
  const callbacks = { onApplied: nothing, onWishes: nothing, onDelay: nothing };
  return new Policies({ kernel: datapath, state, log: silentLog, subjects: () => wanted, ...callbacks });
};
const revision = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });

/** Isolated both ways, or open: two policies that a subject may have. */
function policy(identity: number, isolated: boolean): CompiledPolicy {
  const direction = { isolated, isolatedBy: [], entries: [] };
  return { identity, ingress: direction, egress: direction, digest: digestOf(direction, direction) };
}

/** A state at this revision, made for these subjects. */
function batch(counter: number, subjects: number[], changes: Partial<PolicyBatch> = {}, included: number[] = subjects): PolicyBatch {
  const bookmark = {
    policyRevision: revision(counter),
    identityRevision: revision(counter),
    identitiesIncluded: included,
    identitiesDropped: [],
    complete: counter === 1,
    problems: [],
    request: counter,
  };
  return { policies: [], removed: [], subjects, bookmark, ...changes };
}

describe('the policies of a node', () => {
  it('open nobody at a policy that is left from an earlier subscription: it may be older than the bookmark (C6)', async () => {
    const policies = open();
    wanted = [300];
    await policies.applyBatch(batch(1, [300], { policies: [policy(300, false)] }, [300, 301]));
    expect(policies.isEnforceable(300, revision(1))).toBe(true);
    // Relabelled to 301 and back before the answer to the first comes: 300 is wanted again, but was not compiled for this state.
    wanted = [300, 301];
    await policies.applyBatch(batch(2, [301], { policies: [policy(301, false)], removed: [300] }));
    expect(policies.digest(300)).toBe(policy(300, false).digest);
    expect(policies.isEnforceable(301, revision(2))).toBe(true);
    expect(policies.isEnforceable(300, revision(1))).toBe(false);
    await policies.applyBatch(batch(3, [300, 301], { policies: [policy(300, true)] }));
    expect(policies.isEnforceable(300, revision(1))).toBe(true);
    expect(policies.isolation(300)).toEqual({ ingress: true, egress: true });
  });

  it('are what they were after a restart, without a compiler: those that the last state was made for, and no others (C4)', async () => {
    wanted = [300, 301];
    await open().applyBatch(batch(1, [300], { policies: [policy(300, false)] }, [300, 301]));
    const next = open();
    await next.restore();
    expect(next.isEnforceable(300, revision(1))).toBe(true);
    expect(next.isEnforceable(300, revision(2))).toBe(false);
    expect(next.isEnforceable(301, revision(1))).toBe(false);
  });

  it('open nobody whose identity has no bit, and nobody before a state includes its identity (D5, C6)', async () => {
    const policies = open();
    wanted = [300];
    expect(policies.isEnforceable(300, revision(0))).toBe(false);
    await policies.applyBatch(batch(1, [300], { policies: [policy(300, false)] }, []));
    expect(policies.isEnforceable(300, revision(1))).toBe(false);
    await policies.applyBatch(batch(2, [300]));
    expect(policies.isEnforceable(300, revision(2))).toBe(true);
    expect(policies.isEnforceable(300, revision(3))).toBe(false);
  });
});
