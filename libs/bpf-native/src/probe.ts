import { helperIds, mapTypes, programTypes } from './constants.ts';
import { BpfError } from './error.ts';
import { native } from './native.ts';

/** Whether the kernel has a feature; `failed` when that could not be found out, and why. */
export type FeatureState = { readonly state: 'supported' | 'unsupported' } | { readonly state: 'failed'; readonly error: BpfError };

const probes = {
  btf: () => native.probeKernelBtf(),
  tcx: () => native.probeTcx(),
  'redirect-peer': () => native.probeHelper(programTypes.schedCls, helperIds.redirectPeer),
  'redirect-neighbour': () => native.probeHelper(programTypes.schedCls, helperIds.redirectNeighbour),
  'socket-assign': () => native.probeHelper(programTypes.schedCls, helperIds.skAssign),
  'cast-to-kernel-context': () => native.probeKernelFunction('bpf_cast_to_kern_ctx'),
  'ring-buffer': () => native.probeMapType(mapTypes.ringBuffer),
  'lpm-trie': () => native.probeMapType(mapTypes.lpmTrie),
  'lru-hash': () => native.probeMapType(mapTypes.lruHash),
  'hash-of-maps': () => native.probeMapType(mapTypes.hashOfMaps),
  'hash-batch': () => native.probeMapBatch(mapTypes.hash),
  'array-batch': () => native.probeMapBatch(mapTypes.array),
  'lpm-trie-batch': () => native.probeMapBatch(mapTypes.lpmTrie),
  'syscall-programs': () => native.probeProgramType(programTypes.syscall),
} as const satisfies Record<string, () => Promise<boolean>>;

/** Features that are probed. */
export type Feature = keyof typeof probes;

/** All of them, in the order to show. */
export const features = Object.keys(probes) as readonly Feature[];

const answers = new Map<Feature, Promise<FeatureState>>();

/** Whether this kernel has a feature. Asked once a process; a failed probe is asked again the next time. */
export function probeFeature(feature: Feature): Promise<FeatureState> {
  const known = answers.get(feature);
  if (known !== undefined) return known;
  const answer = ask(probes[feature]);
  answers.set(feature, answer);
  void answer.then(({ state }) => state === 'failed' && answers.delete(feature));
  return answer;
}

/** All features at once. */
export async function probeFeatures(): Promise<Readonly<Record<Feature, FeatureState>>> {
  const states = await Promise.all(features.map(async (feature) => [feature, await probeFeature(feature)] as const));
  return Object.fromEntries(states) as Record<Feature, FeatureState>;
}

/** Whether the kernel has a function that programs may call, by its name in the kernel's BTF. */
export function probeKernelFunction(name: string): Promise<FeatureState> {
  return ask(() => native.probeKernelFunction(name));
}

async function ask(probe: () => Promise<boolean>): Promise<FeatureState> {
  try {
    return { state: (await probe()) ? 'supported' : 'unsupported' };
  } catch (error) {
    if (error instanceof BpfError) return { state: 'failed', error };
    throw error;
  }
}
