import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority, type CredentialFiles, type PeerName, type Validity } from '@myelin/credentials';
import { natsRole } from '@myelin/state-stream/rights';
import { run } from '../machine/process.ts';
import { type LabPaths, serviceSocket } from '../plan/paths.ts';
import type { Lab } from './lab.ts';

const day = 24 * 60 * 60_000;
/** From a minute ago on, should a clock be behind. */
const validFor = (days: number): Validity => ({ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + days * day) });

/**
 * Makes a process' certificate anew, out to `self`, under the name of the process, and returns its files. The lab's authority signs it, which is made with the first one and
 * stays in the lab's directory: every lab has its own.
 */
export function certify({ paths, id }: Pick<Lab, 'paths' | 'id'>, process: string, self: Omit<PeerName, 'trustDomain'>): CredentialFiles {
  const folder = paths.credentials;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = authorityIn(folder, id);
  const { cert, key } = authority.issue(self, validFor(90), [natsRole(self).user]);
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, `${process}.pem`), key: join(folder, `${process}.key`) };
  writeSecret(files.key, key);
  writeSecret(files.cert, cert);
  return files;
}

/** The options by which a process is told of them. */
export const tlsOptions = ({ ca, cert, key }: CredentialFiles): Readonly<Record<string, string>> => ({
  'tls-ca': ca,
  'tls-cert': cert,
  'tls-key': key,
});

/** A user's password in the lab's Redis, made when it is asked for first. */
export function redisPassword({ credentials }: LabPaths, user: string): { readonly file: string; readonly text: string } {
  const file = join(credentials, `redis-${user}.password`);
  if (existsSync(file)) return { file, text: readFileSync(file, 'utf8') };
  mkdirSync(credentials, { recursive: true, mode: 0o700 });
  const text = randomBytes(32).toString('hex');
  writeSecret(file, text);
  return { file, text };
}

/** Runs a command in the lab's Redis, with all rights. The password goes by the environment, which only root can read. */
export async function redisCli(paths: LabPaths, ...command: readonly string[]): Promise<string> {
  const words = ['redis-cli', '-s', serviceSocket(paths, 'redis'), '--no-auth-warning', ...command];
  return run({}, words, '', { REDISCLI_AUTH: redisPassword(paths, 'default').text });
}

function authorityIn(folder: string, trustDomain: string): Authority {
  const [cert, key] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  if (existsSync(cert)) return Authority.open({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
  const authority = Authority.create(`lab-${trustDomain}`, validFor(3650));
  writeSecret(key, authority.key);
  writeSecret(cert, authority.cert);
  return authority;
}

/** A reader sees the old or the new one, whole. */
function writeSecret(file: string, text: string): void {
  writeFileSync(`${file}.next`, text, { mode: 0o600 });
  renameSync(`${file}.next`, file);
}
