export { event } from './arbitrary.ts';
export { KernelMaps } from './kernel.ts';
