import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';
import { StatusServer } from './status-server.ts';

let metrics: Metrics;
let readiness: Readiness;
let server: StatusServer;
beforeEach(async () => {
  metrics = new Metrics('prefixed');
  readiness = new Readiness();
  server = new StatusServer({ host: '127.0.0.1', port: 0 }, metrics, readiness);
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await metrics.close();
});
const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });

describe('the status server', () => {
  it('says what is missing until nothing is', async () => {
    const redis = readiness.condition('redis', 'not connected yet');
    const nats = readiness.condition('nats', 'not connected yet');
    redis.ready();
    nats.missing('connection refused');
    const response = await get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, missing: [{ name: 'nats', reason: 'connection refused' }] });
    nats.ready();
    expect((await get('/readyz')).status).toBe(200);
    redis.missing('gone');
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/healthz')).status).toBe(200);
  });

  it("gives metrics in Prometheus' format under the prefix, the process's own among them", async () => {
    const counter = metrics.meter.createCounter('calls', { description: 'Calls' });
    counter.add(2, { method: 'List' });
    const text = await (await get('/metrics')).text();
    expect(text).toMatch(/^prefixed_calls_total\{method="List"\} 2$/m);
    expect(text).toMatch(/^prefixed_process_resident_memory_bytes \d+$/m);
    expect(text).not.toMatch(/otel_scope|target_info/);
  });

  it('has nothing else', async () => {
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
  });

  it('says which port is taken, and by which flag to choose another', async () => {
    const second = new StatusServer({ host: '127.0.0.1', port: server.port }, metrics, readiness);
    await expect(second.start()).rejects.toMatchObject({
      code: 'unavailable',
      message: `can't listen on 127.0.0.1:${server.port} for metrics (EADDRINUSE): choose another --metrics-listen`,
    });
    await second.stop();
  });
});

describe('readiness', () => {
  it('tells of changes between ready and not, and only of those', () => {
    const changes: boolean[] = [];
    const stop = readiness.onChange((ready) => changes.push(ready));
    const redis = readiness.condition('redis', 'a');
    const nats = readiness.condition('nats', 'b');
    redis.ready();
    nats.ready();
    nats.ready();
    nats.missing('c');
    stop();
    nats.ready();
    expect(changes).toEqual([false, true, false]);
  });
});
