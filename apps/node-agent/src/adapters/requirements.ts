import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Feature, type FeatureState, isBpfFileSystem, probeFeatures } from '@myelin/bpf-native';
import { MyelinError } from '@myelin/service';

/** Features without which there is no datapath. */
const required = ['redirect-peer', 'ring-buffer', 'lpm-trie'] as const satisfies readonly Feature[];

/** What is done instead where a kernel lacks a feature that can be done without. */
const instead: Readonly<Partial<Record<Feature, string>>> = {
  tcx: 'clsact filters are used',
  'hash-batch': 'entries are read one by one',
  'array-batch': 'entries are read one by one',
  'lpm-trie-batch': 'entries are written one by one',
};

/** Programs that the agent runs, and the Debian package of each. */
const programs = { ip: 'iproute2', nft: 'nftables', nsenter: 'util-linux' } as const;

/** A feature as the status shows it. */
export interface ProbedFeature {
  readonly name: string;
  readonly state: 'supported' | 'unsupported' | 'unknown';
  readonly note: string;
}

function describe(name: Feature, probed: FeatureState): ProbedFeature {
  if (probed.state === 'failed') return { name, state: 'unknown', note: probed.error.message };
  return { name, state: probed.state, note: probed.state === 'supported' ? '' : (instead[name] ?? '') };
}

const isThere = (program: string) => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/**
 * Looks whether this machine can run a node, before anything is changed. Throws one `failed_precondition` that names all that is missing and how to mend it.
 * Returns the kernel's features.
 */
export async function checkRequirements(bpffs: string): Promise<readonly ProbedFeature[]> {
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (!isThere(program)) missing.push(`the program ${program} is not there: install the package ${debianPackage}`);
  }
  if (process.getuid?.() !== 0) missing.push('not root: BPF programs and network namespaces need it');
  else missing.push(...checkBpffs(bpffs));
  const probed = process.getuid?.() === 0 ? await probeFeatures() : null;
  for (const name of probed === null ? [] : required) {
    const { state, note } = describe(name, probed![name]);
    if (state !== 'supported')
      missing.push(`the kernel's feature ${name} is ${state}${note === '' ? '' : ` (${note})`}: Linux 6.1 or newer has it`);
  }
  if (missing.length > 0)
    throw new MyelinError('failed_precondition', `this node can't run:\n${missing.map((line) => `  - ${line}`).join('\n')}`);
  return (Object.entries(probed!) as [Feature, FeatureState][]).map(([name, state]) => describe(name, state));
}

function checkBpffs(bpffs: string): readonly string[] {
  try {
    mkdirSync(bpffs, { recursive: true, mode: 0o700 });
  } catch (error) {
    return [`${bpffs} can't be made: ${(error as Error).message}`];
  }
  return isBpfFileSystem(bpffs)
    ? []
    : [`${bpffs} is on no BPF file system: mount one there (mount -t bpf bpf ${bpffs}) that outlives the agent`];
}
