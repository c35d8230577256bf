import { createServer } from 'node:net';
import { formatHostPort, type HostPort, MyelinError } from '@myelin/service';

/** Looks whether an address can be listened on: gRPC's own words for that are many and hard to read. Throws `already_exists` or `failed_precondition`. */
export async function checkTcpPort(address: HostPort): Promise<void> {
  const { host, port } = address;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (cause: NodeJS.ErrnoException) => reject(refusal(formatHostPort(address), cause)));
    probe.listen({ host, port, exclusive: true }, resolve);
  });
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

function refusal(address: string, cause: NodeJS.ErrnoException): MyelinError {
  if (cause.code === 'EADDRINUSE')
    return new MyelinError('already_exists', `another process listens on ${address}: stop it or choose another address`, { cause });
  return new MyelinError('failed_precondition', `can't listen on ${address} (${cause.code}): choose another address`, { cause });
}
