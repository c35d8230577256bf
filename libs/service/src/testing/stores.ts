import { mkdirSync } from 'node:fs';
import { ChildServer } from './child-server.ts';

/** A real redis-server as the control plane wants it: append-only file, written through at every command. */
export function startRedis(): Promise<ChildServer> {
  return ChildServer.start('redis', (port, folder) => {
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
