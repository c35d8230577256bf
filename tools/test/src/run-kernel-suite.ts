import { type KernelRunOptions, runInKernel } from '@myelin/tool-kernel-vm';
import { nothing } from './counts.ts';
import { type Outcome, outcomeOfVitest } from './outcome.ts';

/** Runs the datapath's tests on another kernel. Where this machine can't, that is one skipped test, with its reason. */
export async function runKernelSuite(root: string, options: KernelRunOptions): Promise<Outcome> {
  const run = await runInKernel(root, options);
  if (run.state === 'ran') return outcomeOfVitest(run.report, run.status, root);
  console.log(`skipped: ${run.reason}`);
  return { counts: { ...nothing, skipped: 1 }, failed: [] };
}
