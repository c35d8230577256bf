import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConfig } from '../config.ts';
import { LabFailure } from '../failure.ts';
import { findCgroup2 } from '../machine/cgroup.ts';
import { netnsFile } from '../machine/netns.ts';
import type { Where } from '../machine/process.ts';
import { cgroupName, cgroupRoot, type LabId, labId, netnsName, type Place } from '../plan/names.ts';
import { type LabPaths, labPaths } from '../plan/paths.ts';
import { emptyState, type LabState } from '../plan/state.ts';

/** One lab: where its things are, and what it consists of. */
export interface Lab {
  readonly id: LabId;
  readonly projectRoot: string;
  readonly paths: LabPaths;
  /** Mount point of cgroup v2. */
  readonly cgroups: string;
  readonly state: LabState;
}

/** The lab of this configuration, with the state that its file has, else an empty one. Changes nothing. */
export function openLab({ projectRoot, labDir }: Pick<LabConfig, 'projectRoot' | 'labDir'>): Lab {
  const root = statSync('/');
  const paths = labPaths(labDir);
  const state = existsSync(paths.state) ? readState(paths.state) : emptyState();
  return { id: labId(labDir, root.dev, root.ino), projectRoot, paths, cgroups: findCgroup2() ?? '/sys/fs/cgroup', state };
}

function readState(file: string): LabState {
  const state = JSON.parse(readFileSync(file, 'utf8')) as LabState;
  if (state.version !== 2) throw new LabFailure(`${file} is of another version of the lab: take it down with the version that made it`);
  return { ...emptyState(), ...state };
}

/** Whether `up` has begun here and `down` has not ended it. */
export const exists = ({ paths }: Lab): boolean => existsSync(paths.state);

/** The lab, running; throws LabFailure where `up` hasn't come to its end. */
export function runningLab(config: LabConfig): Lab {
  const lab = openLab(config);
  if (!exists(lab)) throw new LabFailure(`there is no lab in ${config.labDir}: start one with "npm run -s lab -- up <file>"`);
  if (!lab.state.complete)
    throw new LabFailure(`the lab in ${config.labDir} was interrupted while it started: "npm run -s lab -- down", then "up" again`);
  return lab;
}

/** Writes the state; a reader sees the old or the new one, whole. */
export function saveState({ paths, state }: Lab): void {
  mkdirSync(paths.root, { recursive: true });
  const next = `${paths.state}.next`;
  writeFileSync(next, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(next, paths.state);
}

/** Where processes of a place run. */
export const whereIs = (lab: Lab, place: Place): Required<Where> => ({
  cgroup: join(lab.cgroups, cgroupName(lab.id, place)),
  netns: netnsFile(netnsName(lab.id, place)),
});

/** Where the commands run that set the lab up: in its cgroup, in the machine's network namespace. */
export const setupPlace = (lab: Lab): Where & { readonly cgroup: string } => ({ cgroup: join(lab.cgroups, cgroupRoot(lab.id), 'setup') });

/** The same, in the network namespace of a place. */
export const setupIn = (lab: Lab, place: Place): Where => ({ ...setupPlace(lab), netns: netnsFile(netnsName(lab.id, place)) });
