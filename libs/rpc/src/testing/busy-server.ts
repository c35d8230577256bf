// A thread that serves `watch` on the unix socket that it is given, and between two messages does nothing else for longer than a caller waits for signs of life.
import { parentPort, workerData } from 'node:worker_threads';
import { IdentityServiceService, type WatchResponse } from '@myelin/contracts/identity';
import { Metrics, Readiness, silentLog } from '@myelin/service';
import { RpcServer } from '../server.ts';
import { implementPart } from './implement-part.ts';

const busyMs = 2500;
const update = (number: number): WatchResponse => ({ event: { $case: 'removed', value: number }, revision: undefined });

async function* watch(): AsyncGenerator<WatchResponse> {
  yield update(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs);
  yield update(2);
}

const server = new RpcServer({
  service: 'busy',
  listenUnix: workerData as string,
  services: [implementPart(IdentityServiceService, { watch })],
  readiness: new Readiness(),
  log: silentLog,
  meter: new Metrics('busy').meter,
});
await server.start();
parentPort!.postMessage('started');
