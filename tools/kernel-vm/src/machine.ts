import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnavailableError } from './unavailable.ts';

/** Programs that it takes, and the Debian package of each (tools/setup/src/packages.mjs installs them). */
const programs = {
  '/usr/bin/qemu-system-x86_64': 'qemu-system-x86',
  '/usr/lib/qemu/virtiofsd': 'qemu-system-common',
  '/bin/busybox': 'busybox-static',
  '/sbin/depmod': 'kmod',
} as const;

const memory = '2G';
/** At most a second: 50 ms each. */
const socketAttempts = 100;

/** Throws UnavailableError, with all that is missing. */
export function checkEmulator(): void {
  if (process.arch !== 'x64') throw new UnavailableError(`machines are emulated on x86-64 only so far, this one is ${process.arch}`);
  const missing = Object.entries(programs).filter(([file]) => !existsSync(file));
  if (missing.length > 0) throw new UnavailableError(`not installed: ${missing.map(([, name]) => name).join(', ')}`);
}

/** Boots an emulated machine whose files are this one's, and resolves when it is off. False: it was ended after `limitSeconds`. What it says goes to standard output. */
export async function runMachine(image: string, initramfs: string, folder: string, limitSeconds: number): Promise<boolean> {
  const socket = join(folder, 'files.sock');
  const files = spawn(
    '/usr/lib/qemu/virtiofsd',
    [`--socket-path=${socket}`, ...['-o', 'source=/,cache=always,sandbox=chroot,log_level=err'], '-f'],
    {
      stdio: 'ignore',
    },
  );
  try {
    for (let attempt = 0; !existsSync(socket) && attempt < socketAttempts; attempt++) await sleep(50);
    const emulator = spawn('/usr/bin/qemu-system-x86_64', emulatorArguments(image, initramfs, socket), {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return await endOf(emulator, limitSeconds);
  } finally {
    await ended(files);
  }
}

/** Without KVM: stock kernels hang under it on some of our machines, and where it is nested. `tb-size` (MiB of translated code): a tenth of the processor's time is spent on giving the emulator the 1 GiB that it takes otherwise. */
function emulatorArguments(image: string, initramfs: string, socket: string): readonly string[] {
  return [
    ...['-accel', 'tcg,thread=multi,tb-size=256', '-M', 'q35', '-cpu', 'max', '-smp', '2', '-m', memory],
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`, '-numa', 'node,memdev=memory'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-chardev', `socket,id=files,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=files,tag=machine,queue-size=1024'],
    ...['-kernel', image, '-initrd', initramfs, '-append', 'console=ttyS0 loglevel=3 panic=-1 mitigations=off nokaslr'],
  ];
}

async function endOf(emulator: ChildProcess, limitSeconds: number): Promise<boolean> {
  let isInTime = true;
  const limit = setTimeout(() => {
    isInTime = false;
    emulator.kill('SIGKILL');
  }, limitSeconds * 1000);
  await once(emulator, 'close');
  clearTimeout(limit);
  return isInTime;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
