export { type LabConfig, readConfig } from './config.ts';
export { LabFailure } from './failure.ts';
