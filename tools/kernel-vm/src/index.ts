export { type KernelRun, type KernelRunOptions, runInKernel } from './run-in-kernel.ts';
