export { type Run, runSeed } from './chaos.ts';
