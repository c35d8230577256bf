import { describe, expect, it } from 'vitest';
import { planChanges } from './changes.ts';
import { container, objects, pod, running, state } from './pod.fixture.ts';

const names = (all: readonly { name: string }[]) => all.map(({ name }) => name);

describe('planChanges', () => {
  it('does nothing for what is there already, as it is', () => {
    const lab = state({ namespaces: { shop: { team: 'a' } }, pods: [running(pod())] });
    expect(planChanges(lab, objects({ namespaces: [{ name: 'shop', labels: { team: 'a' } }], pods: [pod()] }))).toMatchObject({
      namespaces: [],
      newPods: [],
      changedPods: [],
      retriedPods: [],
    });
  });
  it('tells new pods from those that are there', () => {
    expect(names(planChanges(state({ pods: [running(pod())] }), objects({ pods: [pod(), pod({ name: 'db' })] })).newPods)).toEqual(['db']);
  });
  it('takes the same name in another namespace for another pod', () => {
    expect(planChanges(state({ pods: [running(pod())] }), objects({ pods: [pod({ namespace: 'other' })] })).newPods).toHaveLength(1);
  });
  it.each([
    ['labels', { labels: { app: 'new' } }],
    ['service account', { serviceAccount: 'robot' }],
  ])('tells the agent of other %s without restarting anything', (_, parts) => {
    const { changedPods } = planChanges(state({ pods: [running(pod())] }), objects({ pods: [pod(parts)] }));
    expect(changedPods).toMatchObject([{ endpoint: true, processes: false }]);
  });
  it('restarts the processes for another command, and leaves the identity alone', () => {
    const { changedPods } = planChanges(
      state({ pods: [running(pod())] }),
      objects({ pods: [pod({ containers: [container({ command: ['sleep', '1'] })] })] }),
    );
    expect(changedPods).toMatchObject([{ endpoint: false, processes: true }]);
  });
  it('does both for another named port: it is part of the identity', () => {
    const port = { name: 'http', port: 80, protocol: 'TCP' as const };
    const { changedPods } = planChanges(
      state({ pods: [running(pod())] }),
      objects({ pods: [pod({ containers: [container({ ports: [port] })] })] }),
    );
    expect(changedPods).toMatchObject([{ endpoint: true, processes: true }]);
  });
  it('changes every pod of a namespace whose labels change, named in the files or not', () => {
    const lab = state({ namespaces: { shop: {} }, pods: [running(pod()), running(pod({ namespace: 'other' }))] });
    const { changedPods } = planChanges(lab, objects({ namespaces: [{ name: 'shop', labels: { team: 'b' } }] }));
    expect(changedPods.map(({ manifest, endpoint }) => [manifest.namespace, endpoint])).toEqual([['shop', true]]);
  });
  it('has no endpoint to change for a pod on its node’s network', () => {
    const lab = state({ pods: [running(pod({ hostNetwork: true }))] });
    expect(planChanges(lab, objects({ pods: [pod({ hostNetwork: true, labels: { a: 'b' } })] })).changedPods).toMatchObject([
      { endpoint: false },
    ]);
  });
  it('tries a pod again that failed, when it is named again', () => {
    const lab = state({ pods: [running(pod(), { failure: 'the block is full' })] });
    expect(planChanges(lab, objects()).retriedPods).toEqual([]);
    expect(planChanges(lab, objects({ pods: [pod()] }))).toMatchObject({
      retriedPods: [{ failure: 'the block is full' }],
      changedPods: [],
      newPods: [],
    });
  });
});
