export type { Codec } from './codec.ts';
export * from './gen/index.ts';
