import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command } from './command.ts';
import type { Kernel } from './kernel.ts';
import { moduleOrder } from './module-order.ts';

/** What it takes to reach the machine's files. */
const modules = ['virtio_pci', 'virtiofs', 'overlay'] as const;

/** What the guest starts with. */
export interface Start {
  readonly kernel: Kernel;
  /** This machine's folder that the guest sees as /run/host, and may write. */
  readonly shared: string;
  /** Program and parameters that run in the guest when its files are there. */
  readonly command: readonly string[];
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** The first program: this machine's files below a layer of memory, the kernel's own modules among them. */
function initScript({ kernel, shared, command: words }: Start, files: readonly string[]): string {
  return `#!/bin/busybox sh
set -e
busybox=/bin/busybox
$busybox mount -t devtmpfs dev /dev
$busybox mount -t proc proc /proc
for file in ${files.map((file) => basename(file)).join(' ')}; do $busybox insmod /modules/$file; done
$busybox mount -t virtiofs machine /machine
$busybox mount -t tmpfs changes /changes
$busybox mkdir /changes/upper /changes/work
$busybox mount -t overlay root -o lowerdir=/machine,upperdir=/changes/upper,workdir=/changes/work /root
$busybox mkdir -p /root/usr/lib/modules/${kernel.release}
$busybox mount --bind ${quoted(`/machine${kernel.moduleFolder}`)} /root/usr/lib/modules/${kernel.release}
for folder in sys run tmp; do $busybox mount -t tmpfs $folder /root/$folder; done
$busybox mkdir /root/run/host
$busybox mount --bind ${quoted(`/machine${shared}`)} /root/run/host
$busybox mount --move /dev /root/dev
$busybox mount --move /proc /root/proc
exec $busybox switch_root /root ${words.map(quoted).join(' ')}
`;
}

/** Writes the first file system of the guest to `archive`; `work`: a folder to make it in. */
export async function writeInitramfs(start: Start, work: string, archive: string): Promise<void> {
  for (const folder of ['bin', 'modules', 'dev', 'proc', 'machine', 'changes', 'root']) mkdirSync(join(work, folder), { recursive: true });
  copyFileSync('/bin/busybox', join(work, 'bin', 'busybox'));
  const files = moduleOrder(readFileSync(join(start.kernel.moduleFolder, 'modules.dep'), 'utf8'), modules);
  for (const file of files) copyFileSync(join(start.kernel.moduleFolder, file), join(work, 'modules', basename(file)));
  writeFileSync(join(work, 'init'), initScript(start, files), { mode: 0o755 });
  await command('sh', ['-c', 'find . | busybox cpio -o -H newc > "$1"', 'sh', archive], work);
}
