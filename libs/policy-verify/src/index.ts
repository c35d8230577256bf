export type { Deviation } from './deviation.ts';
export { type KernelSubject, verifySubject } from './verify.ts';
export { verifyWorld } from './world.ts';
