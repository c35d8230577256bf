import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findCgroup2 } from './cgroup.ts';

/** Programs that the lab runs, and the Debian packages that hold them. */
const programs: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  'nats-server': 'nats-server',
  nsenter: 'util-linux',
  'redis-server': 'redis-server',
  sysctl: 'procps',
  unshare: 'util-linux',
};

/** Capabilities (linux/capability.h) that root has but where somebody took them away: an unprivileged container, a user namespace. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

function missingPrivilege(): readonly string[] {
  if (process.getuid?.() !== 0) return ['not root: namespaces, mounts and BPF programs need it; run the command with sudo'];
  const effective = BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`);
  const missing = Object.entries(capabilities).filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n);
  return missing.map(
    ([name]) => `root without ${name}: namespaces, mounts and BPF programs need it; run the command outside of an unprivileged container`,
  );
}

/** Everything that this machine lacks for a lab, a line each with how to mend it. Changes nothing. `built`: files that the build makes. */
export function missingRequirements(built: readonly string[], path: string): readonly string[] {
  const missing = [...missingPrivilege()];
  for (const [program, name] of Object.entries(programs)) {
    if (!path.split(delimiter).some((folder) => isExecutable(join(folder, program))))
      missing.push(`no program "${program}": apt-get install ${name}`);
  }
  const cgroups = findCgroup2();
  if (cgroups === undefined) missing.push('cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup');
  if (!/\tbpf$/m.test(readFileSync('/proc/filesystems', 'utf8')))
    missing.push("the kernel has no bpf file system: boot a kernel with CONFIG_BPF_SYSCALL=y, as Debian's own");
  const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 1)) missing.push(`kernel ${major}.${minor} is too old: boot 6.1 or newer, as in Debian 12`);
  for (const file of built.filter((each) => !existsSync(each))) missing.push(`${file} is not built: npm run build`);
  return missing;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
