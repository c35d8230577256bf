import { createServer, type Server } from 'node:http';
import { MyelinError } from './error.ts';
import { formatHostPort, type HostPort } from './host-port.ts';
import type { Component } from './lifecycle.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

/**
 * HTTP: `/metrics` (Prometheus), `/readyz` (200 or 503, `{"ready":…,"missing":[{"name","reason"}]}`), `/healthz` (200 as long as the process
 * answers). Everything else is 404.
 */
export class StatusServer implements Component {
  readonly name = 'status server';
  readonly #server: Server;
  readonly #listen: HostPort;

  constructor(listen: HostPort, metrics: Metrics, readiness: Readiness) {
    this.#listen = listen;
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0];
      if (request.method !== 'GET' && request.method !== 'HEAD') response.writeHead(405).end();
      else if (path === '/metrics') metrics.respond(request, response);
      else if (path === '/healthz') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      else if (path === '/readyz') {
        const { isReady: ready, missing } = readiness;
        response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify({ ready, missing })}\n`);
      } else response.writeHead(404).end();
    });
  }

  /** The port it listens on, once started: what the kernel chose for port 0. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#listen.port;
  }

  /** Throws `unavailable` when the port is taken or the address isn't this machine's. */
  async start(): Promise<void> {
    const { host, port } = this.#listen;
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error & { code?: string }) =>
        reject(
          new MyelinError(
            'unavailable',
            `can't listen on ${formatHostPort(this.#listen)} for metrics (${cause.code}): choose another --metrics-listen`,
            {
              cause,
            },
          ),
        );
      this.#server.once('error', fail);
      this.#server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
