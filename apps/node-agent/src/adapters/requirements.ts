import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type Feature, type FeatureState, isBpfFileSystem, probeFeatures } from '@myelin/bpf-native';
import { isListening } from '@myelin/rpc';
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

/** Capabilities (linux/capability.h) that root has but where somebody took them away: an unprivileged container, a user namespace. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

function missingCapabilities(): readonly string[] {
  const effective = BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`);
  return Object.entries(capabilities).flatMap(([name, bit]) => ((effective >> BigInt(bit)) & 1n ? [] : [name]));
}

/** What keeps a process from loading programs and entering namespaces; null: nothing. */
function missingPrivilege(): string | null {
  if (process.getuid?.() !== 0) return 'not root: BPF programs and network namespaces need it';
  const missing = missingCapabilities();
  return missing.length === 0 ? null : `root without ${missing.join(' and ')}: run it outside of an unprivileged container`;
}

const isThere = (program: string) => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** What of the machine the configuration names. */
export interface MachineNeeds {
  readonly bpffs: string;
  readonly socket: string;
}

/**
 * Looks whether this machine can run a node, before anything is changed. Throws one `failed_precondition` that names all that is missing and how to mend it.
 * Returns the kernel's features.
 */
export async function checkRequirements({ bpffs, socket }: MachineNeeds): Promise<readonly ProbedFeature[]> {
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (!isThere(program)) missing.push(`the program ${program} is not there: install the package ${debianPackage}`);
  }
  // Two agents on one node would undo each other's work in the same tables.
  if (await isListening(socket)) missing.push(`another agent listens on ${socket}: stop it first`);
  const privilege = missingPrivilege();
  if (privilege === null) missing.push(...checkBpffs(bpffs));
  else missing.push(privilege);
  const probed = privilege === null ? await probeFeatures() : null;
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
  // The folder itself may have to be made yet.
  let there = bpffs;
  while (!existsSync(there)) there = dirname(there);
  return isBpfFileSystem(there)
    ? []
    : [`${bpffs} is on no BPF file system: mount one there (mount -t bpf bpf ${bpffs}) that outlives the agent`];
}
