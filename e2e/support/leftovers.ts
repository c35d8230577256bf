import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupRoot, type LabConfig, netnsPrefix, openLab } from '@myelin/tool-lab';
import { within } from './test-lab.ts';

/** What there is of a lab outside its directory, and whether its directory is there. Empty when it is gone. */
export function leftovers(config: LabConfig): readonly string[] {
  const { id, cgroups, paths } = openLab(config);
  const netns = existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(netnsPrefix(id))) : [];
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(paths.root) || line.includes(netnsPrefix(id)));
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && belongs(pid, id, paths.root));
  const cgroup = join(cgroups, cgroupRoot(id));
  return [
    ...netns.map((name) => `namespace ${name}`),
    ...mounts.map((line) => `mount ${line}`),
    ...processes.map((pid) => `process ${pid}`),
    ...(existsSync(cgroup) ? [`cgroup ${cgroup}`] : []),
    ...(existsSync(paths.root) ? [`folder ${paths.root}: ${readdirSync(paths.root).join(', ')}`] : []),
  ];
}

function belongs(pid: string, id: string, folder: string): boolean {
  try {
    // What has ended and waits for init to notice holds nothing.
    if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return false;
    const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    return (
      cgroup.includes(cgroupRoot(id)) || (Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder))
    );
  } catch {
    return false;
  }
}

/** Links, routes, rules and firewall of a network namespace. */
export const networkOf = (namespace: string): string =>
  [
    ['ip', '-o', 'link'],
    ['ip', 'rule'],
    ['ip', 'route'],
    ['ip', '-6', 'route'],
    ['nft', 'list', 'ruleset'],
  ]
    .map((words) => [...within(namespace), ...words])
    .map(([command, ...args]) => execFileSync(command!, args, { encoding: 'utf8' }))
    .join('\n');
