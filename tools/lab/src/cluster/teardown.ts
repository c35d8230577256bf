import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeCgroup } from '../machine/cgroup.ts';
import { unmount } from '../machine/mount.ts';
import { deleteNetns, listNetns } from '../machine/netns.ts';
import { isAlive, signal } from '../machine/process.ts';
import { cgroupRoot, netnsPrefix } from '../plan/names.ts';
import type { Lab } from './lab.ts';
import { lockHolder } from './lock.ts';

/**
 * Takes down whatever there is of a lab, whole or not. Everything of it outside its directory is found by its id, not by its state file: first the command that may be
 * changing it, then all its processes, in one step; after that nobody works against us, and namespaces (with their links, routes and rules), pins and files go.
 */
export async function takeDown(lab: Lab): Promise<void> {
  await stopLockHolder(lab);
  await removeCgroup(join(lab.cgroups, cgroupRoot(lab.id)));
  for (const name of listNetns(netnsPrefix(lab.id))) await deleteNetns(name);
  await unmount(lab.paths.bpf);
  removeFiles(lab);
}

async function stopLockHolder({ paths }: Lab): Promise<void> {
  const holder = lockHolder(paths.lock);
  if (holder === undefined || holder.pid === process.pid) return;
  signal(holder, 'SIGTERM');
  for (const started = performance.now(); isAlive(holder) && performance.now() - started < 2000; ) await delay(10);
  signal(holder, 'SIGKILL');
  while (isAlive(holder)) await delay(5);
}

/** Removes what the lab has put into its directory, and the directory if nothing else is in it. */
function removeFiles({ paths }: Lab): void {
  if (!existsSync(paths.root)) return;
  const { root, ...own } = paths;
  for (const path of Object.values(own)) rmSync(path, { recursive: true, force: true });
  for (const entry of readdirSync(root))
    if (/^(lock\.[0-9a-f-]+|lab\.json\.next|agents)$/.test(entry)) rmSync(join(root, entry), { recursive: true, force: true });
  if (readdirSync(root).length === 0) rmdirSync(root);
}
