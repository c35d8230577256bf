import type { LabContainer, LabPod } from './objects.ts';

/** Ports of a test server. */
export interface ServedPorts {
  readonly tcp: readonly number[];
  readonly http: readonly number[];
  readonly udp: readonly number[];
}

/** A command of a container, with the environment that Kubernetes would give it and it asks for. */
export interface ContainerCommand {
  readonly container: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What runs in a pod: its containers' commands, and one test server for those that name none. */
export interface PodProcesses {
  readonly commands: readonly ContainerCommand[];
  /** Null when every container has a command of its own. */
  readonly server: ServedPorts | null;
}

/** What the outside host's test server listens on. */
export const outsidePorts: ServedPorts = { tcp: [80, 443, 8080], http: [], udp: [80, 443, 8080] };
/** What a node's test server listens on. */
export const nodePorts: ServedPorts = { tcp: [8080], http: [], udp: [8080] };

const numbers = (ports: LabContainer['ports']) => [...new Set(ports.map(({ port }) => port))];

/** Processes of a pod. SCTP ports are declared only: the test server doesn't speak it. */
export function podProcesses({ containers, name }: Pick<LabPod, 'containers' | 'name'>): PodProcesses {
  const commands = containers.flatMap(({ name: container, command, environment }): ContainerCommand[] =>
    command === null ? [] : [{ container, command, environment: { HOSTNAME: name, ...environment } }],
  );
  const silent = containers.filter(({ command }) => command === null);
  const ports = silent.flatMap((container) => container.ports);
  const isHttp = ({ name: portName }: { name: string }) => portName.startsWith('http');
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP');
  const server = {
    tcp: numbers(tcp.filter((port) => !isHttp(port))),
    http: numbers(tcp.filter(isHttp)),
    udp: numbers(ports.filter(({ protocol }) => protocol === 'UDP')),
  };
  return { commands, server: silent.length === 0 ? null : server };
}
