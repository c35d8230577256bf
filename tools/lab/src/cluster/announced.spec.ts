import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AgentServiceService, GetStatusResponse } from '@myelin/contracts/agent';
import { RpcServer } from '@myelin/rpc';
import { implementPart } from '@myelin/rpc/testing';
import { Metrics, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTime } from '../machine/process.ts';
import { withPartition } from '../plan/faults.ts';
import { labId } from '../plan/names.ts';
import { agentSocket, labPaths } from '../plan/paths.ts';
import { emptyState, noFaults } from '../plan/state.ts';
import { type Announcement, knownEverywhere, lastOfPods, registrations } from './announced.ts';
import { LabClients } from './clients.ts';
import { Deadline } from './deadline.ts';
import type { Lab } from './lab.ts';

// Agents that answer as they are told, on the sockets of a lab of which nothing else is there.

const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
const row: Announcement = { stream: 'endpoints', what: 'Pod red/server', revision: at(7) };
const self = { pid: process.pid, start: startTime(process.pid)! };
let lab: Lab;
let clients: LabClients;
let statuses: Record<string, Partial<GetStatusResponse>>;
let asked: string[];
let cleanUp: (() => unknown)[];

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'announced-'));
  cleanUp = [() => rmSync(folder, { recursive: true })];
  const state = emptyState();
  state.processes.nats = self;
  lab = { id: labId(folder, 1, 1), projectRoot: '', paths: labPaths(folder), cgroups: '', state };
  mkdirSync(dirname(agentSocket(lab.paths, 'a')), { recursive: true });
  statuses = { a: {}, b: {} };
  asked = [];
  for (const name of ['a', 'b']) {
    state.nodes.push({ name, index: state.nodes.length, agent: self } as never);
    const getStatus = () => {
      asked.push(name);
      return GetStatusResponse.fromPartial(statuses[name]!);
    };
    const services = [implementPart(AgentServiceService, { getStatus })];
    const common = { log: silentLog, meter: new Metrics('myelin').meter, readiness: new Readiness() };
    const server = new RpcServer({ service: 'agent', listen: null, listenUnix: agentSocket(lab.paths, name), services, ...common });
    await server.start();
    cleanUp.push(() => server.stop(AbortSignal.timeout(0)));
  }
  clients = new LabClients(lab);
  cleanUp.push(() => clients[Symbol.dispose]());
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** What is missing when the time is over; null: all nodes know it. */
async function missing(announcements: readonly Announcement[]): Promise<string | null> {
  using deadline = new Deadline(0.1);
  return knownEverywhere(lab, announcements, clients, deadline).then(
    () => null,
    (error: Error) => error.message,
  );
}

describe('what is announced', () => {
  it('is waited for on every node, and the one that lacks it is named with object and revision', async () => {
    statuses = { a: { appliedEndpointRevision: at(9) }, b: { appliedEndpointRevision: at(6) } };
    expect(await missing([row])).toBe(
      'not enforced within 0.1 s: node b: Pod red/server: revision 1.7 of endpoints is missing: 1.6 is applied',
    );
    statuses.b = { appliedEndpointRevision: at(7) };
    expect(await missing([row])).toBeNull();
    const service: Announcement = { stream: 'services', what: 'Service red/web', revision: at(2) };
    expect(await missing([service])).toContain('Service red/web: revision 1.2 of services is missing: none is applied');
    for (const status of Object.values(statuses)) status.appliedServiceRevision = at(2);
    expect(await missing([service])).toBeNull();
    expect(await missing([{ ...row, stream: 'nodes' }])).toContain('revision 1.7 of nodes is missing: none is applied');
  });

  it('is not waited for where it can’t arrive: cut off, dead, or everywhere without NATS', async () => {
    statuses.a = { appliedEndpointRevision: at(9) };
    lab.state.faults = withPartition(noFaults, 'node:b', 'control');
    expect(await missing([row])).toBeNull();
    lab.state.faults = noFaults;
    lab.state.nodes[1]!.agent = null;
    expect(await missing([row])).toBeNull();
    lab.state.nodes[1]!.agent = self;
    expect(await missing([row])).toContain('node b');
    lab.state.processes = {};
    expect(await missing([row])).toBeNull();
  });

  it('is asked of nobody when there is nothing to wait for', async () => {
    expect(await missing([])).toBeNull();
    expect(asked).toEqual([]);
  });

  it('is told by the nodes’ own agents', async () => {
    statuses = { a: { registrationRevision: at(3), announcedEndpointRevision: at(8) }, b: {} };
    expect(await registrations(lab, clients)).toEqual([{ stream: 'nodes', what: 'Node a', revision: at(3) }]);
    expect(await lastOfPods(clients, 'a', 'removal of Pod x')).toEqual([
      { stream: 'endpoints', what: 'removal of Pod x', revision: at(8) },
    ]);
    expect(await lastOfPods(clients, 'b', 'removal of Pod y')).toEqual([]);
  });
});
