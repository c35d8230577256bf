import { describe, expect, it } from 'vitest';
import { container } from './pod.fixture.ts';
import { podProcesses } from './pod-processes.ts';

const port = (number: number, name = '', protocol: 'TCP' | 'UDP' | 'SCTP' = 'TCP') => ({ name, port: number, protocol });

describe('podProcesses', () => {
  it('serves HTTP where a port’s name begins with http, else plain TCP and UDP', () => {
    const ports = [
      port(80, 'http'),
      port(8080, 'http-alt'),
      port(5432, 'postgres'),
      port(53, 'dns', 'UDP'),
      port(9, 'http-nothing', 'UDP'),
    ];
    expect(podProcesses({ name: 'web', containers: [container({ ports })] })).toEqual({
      commands: [],
      server: { tcp: [5432], http: [80, 8080], udp: [53, 9] },
    });
  });
  it('runs commands, and serves for the containers that have none', () => {
    const containers = [
      container({ name: 'job', command: ['sleep', '1'], ports: [port(1)], environment: { A: 'b' } }),
      container({ ports: [port(2)] }),
    ];
    expect(podProcesses({ name: 'web', containers })).toEqual({
      commands: [{ container: 'job', command: ['sleep', '1'], environment: { HOSTNAME: 'web', A: 'b' } }],
      server: { tcp: [2], http: [], udp: [] },
    });
  });
  it('needs no server where every container has a command', () => {
    expect(podProcesses({ name: 'web', containers: [container({ command: ['true'] })] }).server).toBeNull();
  });
  it('listens once on a port that two containers name', () => {
    expect(
      podProcesses({ name: 'web', containers: [container({ ports: [port(80)] }), container({ ports: [port(80)] })] }).server?.tcp,
    ).toEqual([80]);
  });
});
