import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, type Where } from './process.ts';

/** Where iproute2 keeps named network namespaces: `ip netns list` shows ours. */
const folder = '/run/netns';

/** File that stands for a network namespace. */
export const netnsFile = (name: string): string => join(folder, name);

/** Settings of the kernel's network stack in one namespace, by their sysctl name. */
export type Sysctls = Readonly<Record<string, string | number>>;

/**
 * Makes a network namespace with its loopback up. Held by a bind mount like those of `ip netns add`, but without its side effect of mounting
 * /run/netns on itself for ever.
 */
export async function createNetns(name: string, sysctls: Sysctls, where: Where): Promise<void> {
  const settings = Object.entries(sysctls).map(([key, value]) => `${key}=${value}`);
  const inside = 'ip link set lo up && if [ $# -gt 0 ]; then sysctl -qw "$@"; fi';
  const script = `mkdir -p ${folder} && : >"$0" && exec unshare --net="$0" sh -ec '${inside}' sh "$@"`;
  await run(where, ['sh', '-ec', script, netnsFile(name), ...settings]);
}

/** Names of network namespaces that begin so. */
export function listNetns(prefix: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
}

/**
 * Removes a network namespace with all that is in it; a missing one is success. Processes in it would keep it alive: end them first. The file is removed in a mount namespace in which
 * nothing is mounted on it: the kernel then takes what is mounted on it everywhere else, also what can't be reached there any more because an `ip netns add` of somebody else has put
 * another mount over the folder meanwhile.
 */
export async function deleteNetns(name: string): Promise<void> {
  const file = netnsFile(name);
  if (!existsSync(file)) return;
  const unmountAll = (path: string) => `while umount -lR "${path}" 2>/dev/null; do :; done`;
  await run({}, [
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-ec',
    `${unmountAll(folder)}; ${unmountAll('$0')}; rm -f "$0"`,
    file,
  ]);
}

/** Runs `ip` commands in order in a namespace, in one process. */
export async function ip(where: Where, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(where, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Waits until an interface can carry traffic: its addresses are past duplicate detection and its link is up. Throws after 2 s. */
export async function waitForLink(where: Where, name: string): Promise<void> {
  for (const started = performance.now(); ; await delay(5)) {
    const [link] = JSON.parse(await run(where, ['ip', '-json', 'address', 'show', 'dev', name])) as {
      operstate: string;
      addr_info: { tentative?: boolean }[];
    }[];
    if (link?.operstate === 'UP' && link.addr_info.every(({ tentative }) => !tentative)) return;
    if (performance.now() - started > 2000) throw new Error(`interface ${name} doesn't come up`);
  }
}
