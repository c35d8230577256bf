import { join, resolve } from 'node:path';

/** What the lab takes from its surroundings. */
export interface LabConfig {
  /** The project's root folder: bundles of the services and of the workload process are under it. */
  readonly projectRoot: string;
  /** The lab's one directory, absolute: `LAB_DIR`, else `.lab` in the project. */
  readonly labDir: string;
}

/** The only reader of the environment. */
export function readConfig(): LabConfig {
  const projectRoot = join(import.meta.dirname, '..', '..', '..');
  return { projectRoot, labDir: resolve(process.env.LAB_DIR || join(projectRoot, '.lab')) };
}
