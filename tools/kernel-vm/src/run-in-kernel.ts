import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeInitramfs } from './initramfs.ts';
import { distributionKernel } from './kernel.ts';
import { checkEmulator, runMachine } from './machine.ts';
import { testCommand } from './selection.ts';
import { UnavailableError } from './unavailable.ts';

/** What came of the tests: vitest's exit status and JSON report (empty: it wrote none), or why this machine can't run them. */
export type KernelRun =
  | { readonly state: 'ran'; readonly status: number; readonly report: string }
  | { readonly state: 'unavailable'; readonly reason: string };

export interface KernelRunOptions {
  /** As 6.1. */
  readonly version: string;
  /** All tests of the datapath instead of the selection. */
  readonly full: boolean;
  readonly limitSeconds: number;
}

/** Runs tests of the tree at `root`, built, on another kernel in an emulated machine. Their output goes to standard output. */
export async function runInKernel(root: string, { version, full, limitSeconds }: KernelRunOptions): Promise<KernelRun> {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-kernel-vm-'));
  const shared = join(folder, 'shared');
  const initramfs = join(folder, 'initramfs.cpio');
  try {
    checkEmulator();
    const kernel = await distributionKernel(version, join(root, 'tools', 'kernel-vm', 'build'));
    mkdirSync(shared);
    const command = ['/bin/bash', join(root, 'tools/kernel-vm/src/guest/run.sh'), root, ...testCommand(full, '/run/host/report.json')];
    await writeInitramfs({ kernel, shared, command }, join(folder, 'initramfs'), initramfs);
    if (!(await runMachine(kernel.image, initramfs, folder, limitSeconds))) console.error(`kernel-vm: ended after ${limitSeconds} s`);

    return { state: 'ran', status: Number(readIfThere(join(shared, 'status')) || 1), report: readIfThere(join(shared, 'report.json')) };
  } catch (error) {
    if (error instanceof UnavailableError) return { state: 'unavailable', reason: error.message };
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
