import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { measuringCpu } from '../isolated.ts';
import type { Times, TrafficKind, WayName } from './results.ts';

/** Where the two ends of a way are: files of network namespaces. `target` differs from the server's address where that has another one: a service. */
export interface Ends {
  readonly client: string;
  readonly server: string;
  readonly serverAddress: string;
  readonly target?: { readonly address: string; readonly port: number };
}

/** What one way's traffic came to. */
export interface Sent extends Times {
  /** Exchanges, bytes or datagrams, those included that no time is kept of. */
  readonly count: number;
}

/** Where servers listen; datagrams have nobody who listens. */
export const ports = { tcp: 7000, datagrams: 7009 } as const;

const program = join(import.meta.dirname, '..', '..', 'build', 'traffic');

/** Sends one kind of traffic in all these ways in turn, for so long. */
export async function sendTraffic(
  kind: TrafficKind,
  milliseconds: number,
  ways: ReadonlyMap<WayName, Ends>,
): Promise<ReadonlyMap<WayName, Sent>> {
  const port = kind === 'udp' ? ports.datagrams : ports.tcp;
  const words = [...ways.values()].map(({ client, server, serverAddress, target = { address: serverAddress, port } }) =>
    [client, server, `${serverAddress}:${port}`, `${target.address}:${target.port}`].join(','),
  );
  const { stdout } = await promisify(execFile)(program, [kind, `${measuringCpu}`, `${milliseconds}`, ...words], { timeout: 60_000 });
  const sent = JSON.parse(stdout) as Sent[];
  return new Map([...ways.keys()].map((way, at) => [way, sent[at]!]));
}
