import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { run, withLock } from './run.mjs';

/** The project's root folder. */
export const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..', '..');

/** Debian packages, and what needs each. */
const systemPackages = {
  'clang-16': 'compiles the BPF programs',
  'libbpf-dev': 'headers and library behind the native addon',
  'libelf-dev': 'ELF reader behind libbpf',
  'zlib1g-dev': 'compressed sections behind libbpf',
  'linux-libc-dev': 'kernel headers for BPF programs and addon',
  'g++': 'compiles the native addon',
  make: 'builds both',
  'redis-server': 'durable state of the control plane',
  'nats-server': 'state streams of the control plane',
  openssl: 'reads the certificates that are made, in tests',
  nftables: 'masquerade',
  iproute2: 'links, addresses and routes',
  'iputils-ping': 'ICMP probes',
  procps: 'sysctl',
  'util-linux': 'nsenter and unshare',
};

/** What tools/kernel-vm runs another kernel with. */
const emulatorPackages = {
  'qemu-system-x86': 'emulates a machine, for tests on other kernels',
  'busybox-static': "the emulated machine's first programs",
  kmod: 'loads kernel modules there',
};

/** What tools/bench compares with. */
const benchPackages = {
  iptables: "kube-proxy's rules, beside our services",
};

/** Installs the missing Debian packages; returns whether there were any. */
export async function installSystemPackages(say) {
  return installPackages(systemPackages, say);
}

/** The same for the emulator, where tests ask for it. Can't they be had, that is said, and the tests say what they skip. */
export async function installEmulator(say) {
  if (arch() !== 'x64') return false;
  try {
    return await installPackages(emulatorPackages, say);
  } catch (error) {
    say(`no emulator for tests on other kernels: ${error.message}`);
    return true;
  }
}

/** What benchmarks compare with. */
export async function installBenchmarks(say) {
  return installPackages(benchPackages, say);
}

async function installPackages(packages, say) {
  const missing = Object.keys(packages).filter((name) => !isInstalled(name));
  if (missing.length === 0) return false;
  say('installing Debian packages:');
  for (const name of missing) say(`  ${name.padEnd(16)} ${packages[name]}`);
  await withLock('apt', async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const restore = keepServicesFromStarting();
    try {
      await run('apt-get', ['-qq', 'update'], { env, say });
      await run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...missing], { env, say });
    } finally {
      restore();
    }
  });
  return true;
}

function isInstalled(name) {
  const base = `/var/lib/dpkg/info/${name}`;
  return existsSync(`${base}.list`) || existsSync(`${base}:${arch() === 'x64' ? 'amd64' : 'arm64'}.list`);
}

/** redis-server and nats-server start system services on the default ports: `policy-rc.d` (Debian policy, invoke-rc.d(8)) says no. */
function keepServicesFromStarting() {
  const file = '/usr/sbin/policy-rc.d';
  if (existsSync(file)) return () => {};
  writeFileSync(file, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => rmSync(file, { force: true });
}

/** Installs the npm packages of the lock file; returns whether anything had to be done. */
export async function installNodePackages(say) {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.myelin-lock');
  const current = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(nodeBinFolder());
  if (current()) return false;
  return withLock('npm', async () => {
    if (current()) return false;
    say('installing npm packages of package-lock.json');
    await run('npm', [existsSync(join(root, 'node_modules')) ? 'install' : 'ci'], { cwd: root, say });
    if (!existsSync(nodeBinFolder()))
      throw new Error(`npm did not install the package node-linux-${arch()}: run "npm ci" and read what it says`);
    writeFileSync(stamp, wanted);
    return true;
  });
}

/** Folder of the Node version that the lock file pins: everything but set-up runs on it. */
export function nodeBinFolder() {
  return join(root, 'node_modules', `node-linux-${arch()}`, 'bin');
}
