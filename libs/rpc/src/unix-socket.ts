import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { MyelinError } from '@myelin/service';

/** sun_path has 108 bytes with its terminating zero (unix(7)). */
const longestPath = 107;

/**
 * Makes `path` free to be bound: creates its folder, unlinks the socket that a dead process left. Throws `already_exists` when a live
 * process answers there or something else than a socket is in the way, `invalid_argument` for a path the kernel can't take.
 */
export async function freeUnixSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new MyelinError('invalid_argument', `the socket path ${path} is longer than ${longestPath} bytes: choose a shorter folder`);
  }
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket())
    throw new MyelinError('already_exists', `${path} is in the way and is no socket: remove it or choose another path`);
  if (await isListening(path))
    throw new MyelinError('already_exists', `another process listens on ${path}: stop it or choose another path`);
  await unlink(path);
}

/** Only the owner of the process may connect. */
export async function restrictUnixSocket(path: string): Promise<void> {
  await chmod(path, 0o600);
}

/** Whether a live process listens on a unix socket. Changes nothing. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
