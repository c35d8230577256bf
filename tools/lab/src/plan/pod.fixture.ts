import type { LabContainer, LabObjects, LabPod } from './objects.ts';
import { emptyState, type LabState, type PodState } from './state.ts';

/** A container without a command. */
export const container = (parts: Partial<LabContainer> = {}): LabContainer => ({
  name: 'main',
  command: null,
  environment: {},
  ports: [],
  ...parts,
});

/** Pod shop/web with one silent container. */
export const pod = (parts: Partial<LabPod> = {}): LabPod => ({
  namespace: 'shop',
  name: 'web',
  uid: null,
  labels: {},
  serviceAccount: 'default',
  nodeName: null,
  hostNetwork: false,
  containers: [container()],
  addresses: [],
  ...parts,
});

/** A pod that runs on node `a`. */
export const running = (manifest: LabPod, parts: Partial<PodState> = {}): PodState => ({
  uid: `uid-of-${manifest.name}`,
  node: 'a',
  manifest,
  addresses: [],
  identity: 256,
  failure: null,
  ...parts,
});

/** A lab with these parts. */
export const state = (parts: Partial<LabState> = {}): LabState => ({ ...emptyState(), ...parts });

/** Objects of a file. */
export const objects = (parts: Partial<LabObjects> = {}): LabObjects => ({
  nodes: [],
  namespaces: [],
  pods: [],
  policies: [],
  services: [],
  slices: [],
  ...parts,
});
