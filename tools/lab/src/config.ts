import { join, resolve } from 'node:path';

/** What the lab takes from its surroundings. */
export interface LabConfig {
  /** The project's root folder: bundles of the services and of the workload process are under it. */
  readonly projectRoot: string;
  /** The lab's one directory, absolute: `LAB_DIR`, else `.lab` in the project. */
  readonly labDir: string;
  /** Whether LAB_DIR named it. */
  readonly isNamed: boolean;
  /** Folders of programs, as PATH has them. */
  readonly path: string;
}

/** The only reader of the environment. `fallback`: the lab's directory where `LAB_DIR` names none. */
export function readConfig(fallback?: string): LabConfig {
  const { LAB_DIR, PATH } = process.env;
  const projectRoot = join(import.meta.dirname, '..', '..', '..');
  return { projectRoot, labDir: resolve(LAB_DIR || (fallback ?? join(projectRoot, '.lab'))), isNamed: Boolean(LAB_DIR), path: PATH ?? '' };
}
