import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { imagePackage } from './package-name.ts';
import { UnavailableError } from './unavailable.ts';

/** The metapackage that leads to the distribution's kernel for virtual machines: small, all in one package. */
const metapackage = 'linux-image-cloud-amd64';

/** An unpacked kernel. */
export interface Kernel {
  /** As `uname -r` says: `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  readonly image: string;
  /** Its modules, with `modules.dep`. */
  readonly moduleFolder: string;
}

/**
 * The distribution's kernel of a version ("6.1"), downloaded and unpacked below `folder` unless it is there: it is not installed, so that the machine's own way of booting stays as it is.
 * Throws UnavailableError where apt has none.
 */
export async function distributionKernel(version: string, folder: string): Promise<Kernel> {
  const depends = await command('apt-cache', ['depends', metapackage]).catch(() => '');
  const name = imagePackage(depends, version);
  if (name === null) throw new UnavailableError(`apt's package ${metapackage} leads to no Linux ${version} here: Debian 12's does for 6.1`);
  const place = join(folder, name);
  if (!existsSync(place)) await unpack(name, folder, place);
  const release = name.slice('linux-image-'.length);
  return { release, image: join(place, 'boot', `vmlinuz-${release}`), moduleFolder: join(place, 'lib', 'modules', release) };
}

/** In a folder beside, renamed when complete: whoever finds `place` finds all of it. */
async function unpack(name: string, folder: string, place: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'unpack-'));
  try {
    await command('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', name], work).catch((cause: Error) => {
      throw new UnavailableError(`apt can't download ${name}: ${cause.message}`);
    });
    const [archive] = globSync('*.deb', { cwd: work });
    await command('dpkg-deb', ['-x', join(work, archive!), join(work, 'kernel')]);
    await command('depmod', ['-b', join(work, 'kernel'), name.slice('linux-image-'.length)]);
    renameSync(join(work, 'kernel'), place);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
