import { existsSync, readFileSync } from 'node:fs';
import { arch, platform } from 'node:os';

/** Throws one error that names all that this machine lacks, and how to mend each, before anything is changed. */
export function checkMachine() {
  const missing = [];
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) missing.push(`Node ${process.versions.node} is too old: install Node 20 or newer`);
  if (platform() !== 'linux') missing.push(`this is ${platform()}: the datapath runs in the Linux kernel; use a Debian 12 machine`);
  else {
    if (!['x64', 'arm64'].includes(arch())) missing.push(`${arch()} is not supported: use an x86-64 or arm64 machine`);
    if (process.getuid() !== 0) missing.push('not root: BPF programs and network namespaces need it; run the command with sudo');
    else if ((effectiveCapabilities() & neededCapabilities) !== neededCapabilities)
      missing.push(
        'root without CAP_NET_ADMIN and CAP_SYS_ADMIN: BPF programs and network namespaces need them; run the command outside of an unprivileged container',
      );
    if (!existsSync('/sys/kernel/btf/vmlinux'))
      missing.push("the kernel has no BTF (/sys/kernel/btf/vmlinux): boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's own");
    if (!existsSync('/usr/bin/apt-get'))
      missing.push(`no apt-get here (${distribution()}): set-up installs Debian packages; use Debian 12`);
  }
  if (missing.length > 0) throw new Error(`this machine can't run Myelin:\n  - ${missing.join('\n  - ')}`);
}

/** CAP_NET_ADMIN and CAP_SYS_ADMIN, as bits (linux/capability.h). */
const neededCapabilities = (1n << 12n) | (1n << 21n);

function effectiveCapabilities() {
  return BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
}

function distribution() {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system';
  } catch {
    return 'unknown system';
  }
}
