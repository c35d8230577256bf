import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MyelinError } from '@myelin/service';

const sysctls = '/proc/sys/net';

function read(path: string): string {
  return readFileSync(join(sysctls, path), 'utf8').trim();
}

function write(path: string, value: string): void {
  if (read(path) === value) return;
  try {
    writeFileSync(join(sysctls, path), value);
  } catch (cause) {
    const name = `net.${path.replaceAll('/', '.')}`;
    throw new MyelinError(
      'failed_precondition',
      `can't set ${name} to ${value} in this network namespace (${(cause as Error).message}): set it before the agent starts`,
      { cause },
    );
  }
}

/**
 * Lets this network namespace pass packets on between pods, node and outside. A node that forwards stops listening to router advertisements: an interface
 * that listened goes on doing so (accept_ra 2), or the node would lose its way out.
 */
export function enableForwarding(families: ReadonlySet<4 | 6>): void {
  if (families.has(4)) write('ipv4/ip_forward', '1');
  if (!families.has(6)) return;
  for (const name of readdirSync(join(sysctls, 'ipv6/conf'))) {
    const path = `ipv6/conf/${name}/accept_ra`;
    if (name !== 'lo' && read(path) === '1' && read(`ipv6/conf/${name}/forwarding`) === '0') write(path, '2');
  }
  write('ipv6/conf/all/forwarding', '1');
}
