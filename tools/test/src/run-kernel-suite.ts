import { type KernelRunOptions, runInKernel } from '@myelin/tool-kernel-vm';
import { type Counts, countVitest } from './counts.ts';

/** Runs the datapath's tests on another kernel. Where this machine can't, that is one skipped test, with its reason. */
export async function runKernelSuite(root: string, options: KernelRunOptions): Promise<Counts> {
  const run = await runInKernel(root, options);
  if (run.state === 'ran') return countVitest(run.report, run.status);
  console.log(`skipped: ${run.reason}`);
  return { passed: 0, failed: 0, skipped: 1 };
}
