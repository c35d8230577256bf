import { existsSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { launch } from '../machine/process.ts';
import { type Place, placeName } from '../plan/names.ts';
import { placeLog, workloadSocket } from '../plan/paths.ts';
import type { ServedPorts } from '../plan/pod-processes.ts';
import type { ProbeError, ProbeJob, ProbeOutcome } from '../plan/probes.ts';
import { type Lab, whereIs } from './lab.ts';

/** The program that serves in pods and sends probes; see workload/main.cc. */
export const workloadProgram = (projectRoot: string): string => join(projectRoot, 'tools', 'lab', 'build', 'workload');

/** What a probe's outcome has beside what `probe` prints. */
export interface WorkloadResult extends ProbeOutcome {
  /** Local port it was sent from; 0 for ICMP. */
  readonly sourcePort: number;
}

/** Starts a place's workload process and waits until it listens. `addresses`: to listen on; empty: all. */
export async function startWorkload(lab: Lab, place: Place, ports: ServedPorts, addresses: readonly string[] = []): Promise<void> {
  const words = (option: string, values: readonly (string | number)[]) => values.flatMap((value) => [option, String(value)]);
  const command = [
    workloadProgram(lab.projectRoot),
    ...words('--name', [placeName(place)]),
    ...words('--socket', [workloadSocket(lab.paths, place)]),
    ...words('--address', addresses),
    ...words('--tcp', ports.tcp),
    ...words('--http', ports.http),
    ...words('--udp', ports.udp),
  ];
  await launch(whereIs(lab, place), command, { log: placeLog(lab.paths, place, 'workload'), waitUntilReady: true });
}

/** Starts a process that only sends probes, where there is none yet (in pods that run commands of their own). */
export async function ensureWorkload(lab: Lab, place: Place): Promise<void> {
  const socket = workloadSocket(lab.paths, place);
  if (existsSync(socket) && (await answers(socket))) return;
  await startWorkload(lab, place, { tcp: [], http: [], udp: [] });
}

const answers = (path: string) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** Sends probes from a place, all at once; results in their order. Throws when the process there is gone. */
export async function sendProbes(lab: Lab, place: Place, jobs: readonly ProbeJob[]): Promise<readonly WorkloadResult[]> {
  const results: WorkloadResult[] = [];
  const lines = jobs.map(({ protocol, address, port }, index) => `${index} ${protocol} ${address} ${port}\n`);
  await converse(workloadSocket(lab.paths, place), `${lines.join('')}\n`, (line) => {
    const { index, result } = readResult(line);
    results[index] = result;
  });
  if (results.filter(Boolean).length < jobs.length)
    throw new Error(`the workload process of ${placeName(place)} ended before it had answered`);
  return results;
}

/** An exchange that goes on until it is stopped. */
export interface OpenTalk {
  /** Ends it; resolves when it has ended. */
  stop(): Promise<void>;
  /** Asks no more, waits half a second for late answers, and says how often it has asked. */
  finish(): Promise<number>;
}

/** Opens a connection (or a UDP or ICMP exchange) from a place that asks every 10 ms; `onResult` gets every reply, and the error that ends it. */
export function openTalk(
  lab: Lab,
  place: Place,
  { protocol, address, port }: ProbeJob,
  onResult: (result: WorkloadResult) => void,
): OpenTalk {
  const stopped = new AbortController();
  const silent = new AbortController();
  let asked = 0;
  const onLine = (line: string) => {
    const count = /^0 asked (\d+)$/.exec(line);
    if (count === null) onResult(readResult(line).result);
    else asked = Number(count[1]);
  };
  const question = `0 ${protocol}* ${address} ${port}\n\n`;
  const over = converse(workloadSocket(lab.paths, place), question, onLine, { stopped: stopped.signal, silent: silent.signal });
  return {
    stop: async () => {
      stopped.abort();
      await over;
    },
    finish: async () => {
      silent.abort();
      await over;
      return asked;
    },
  };
}

/** When a conversation ends: at once, or after what is still to be said. */
interface Ends {
  readonly stopped?: AbortSignal;
  readonly silent?: AbortSignal;
}

function converse(path: string, question: string, onLine: (line: string) => void, { stopped, silent }: Ends = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    let rest = '';
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(question));
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) onLine(line);
    });
    socket.once('error', reject);
    socket.once('close', () => resolve());
    stopped?.addEventListener('abort', () => socket.destroy(), { once: true });
    silent?.addEventListener('abort', () => socket.end(), { once: true });
  });
}

/** `<index> <ok|error> <microseconds> <source port> <reply>` */
export function readResult(line: string): { readonly index: number; readonly result: WorkloadResult } {
  const [index, verdict, microseconds, sourcePort, ...reply] = line.split(' ');
  const ok = verdict === 'ok';
  const result = {
    ok,
    reply: ok ? reply.join(' ') : null,
    error: ok ? null : (verdict as ProbeError),
    ms: Number(microseconds) / 1000,
    sourcePort: Number(sourcePort),
  };
  return { index: Number(index), result };
}
