import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { ChildServer } from './child-server.ts';

/**
 * A real redis-server as the control plane wants it: append-only file, written through at every command. The first incarnation is open in it, as whoever sets up a cluster opens it;
 * emptied by a test, it is one that has lost everything.
 */
export async function startRedis(): Promise<ChildServer> {
  const server = await ChildServer.start('redis', (port, folder) => {
    mkdirSync(folder, { recursive: true });
    return [
      'redis-server',
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--save',
      '',
    ];
  });
  execFileSync('redis-cli', ['-p', `${server.port}`, 'SET', 'myelin:incarnation', `${Date.now()}`], { stdio: 'ignore' });
  return server;
}

/** A real nats-server with JetStream in a folder. */
export function startNats(): Promise<ChildServer> {
  return ChildServer.start('nats', (port, folder) => [
    'nats-server',
    '--addr',
    '127.0.0.1',
    '--port',
    `${port}`,
    '--jetstream',
    '--store_dir',
    folder,
  ]);
}
