import { type Family, formatAddress, parseAddress } from '@myelin/address';
import type * as wire from '@myelin/contracts/loadbalancing';
import type { EndpointSlice, EndpointState, Service, ServicePort, ServiceProtocol, ServiceType } from '@myelin/loadbalancing';

/** A message that is no object of this version. */
export class MalformedObject extends Error {}

const types: readonly ServiceType[] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'];
const protocols: readonly ServiceProtocol[] = ['TCP', 'UDP', 'SCTP'];
const states: readonly EndpointState[] = ['ready', 'terminating', 'unready'];

/** Message → Service. Throws MalformedObject where a word is unknown or something is missing. */
export function decodeService(message: wire.Service): Service {
  const { headless, requiresDualStack, publishNotReadyAddresses } = message;
  return {
    namespace: text(message.namespace, 'namespace'),
    name: text(message.name, 'name'),
    type: oneOf(types, message.type, 'type'),
    created: message.created || null,
    headless,
    clusterIps: message.clusterIps.map((address) => canonical(address)),
    families: message.families.map(familyOf),
    requiresDualStack,
    ports: message.ports.map(decodePort),
    selector: message.hasSelector ? Object.fromEntries(message.selector.map(({ key, value }) => [key, value])) : null,
    publishNotReadyAddresses,
    affinitySeconds: message.affinitySeconds || null,
    notServed: message.notServed.map(({ path, what }) => ({ path, what })),
  };
}

function decodePort({ name, protocol, port, targetPort }: wire.ServicePort): ServicePort {
  if (targetPort === undefined) throw new MalformedObject(`port ${port} has no target`);
  return { name, protocol: oneOf(protocols, protocol, 'protocol'), port: number(port), targetPort: targetPort.value };
}

/** Message → EndpointSlice. Throws MalformedObject. */
export function decodeSlice(message: wire.EndpointSlice): EndpointSlice {
  const family = message.family === 0 ? null : familyOf(message.family);
  return {
    namespace: text(message.namespace, 'namespace'),
    name: text(message.name, 'name'),
    service: message.service || null,
    family,
    ports: message.ports.map(({ name, protocol, port }) => ({
      name,
      protocol: oneOf(protocols, protocol, 'protocol'),
      port: number(port),
    })),
    endpoints: message.endpoints.map(({ address, state, node }) => ({
      address: canonical(address, family),
      state: oneOf(states, state, 'state'),
      node: node || null,
    })),
  };
}

function oneOf<T extends string>(words: readonly T[], word: string, what: string): T {
  const found = words.find((one) => one === word);
  if (found === undefined) throw new MalformedObject(`${what} "${word}" is unknown`);
  return found;
}

function text(value: string, what: string): string {
  if (value === '') throw new MalformedObject(`there is no ${what}`);
  return value;
}

function number(port: number): number {
  if (port < 1 || port > 65535) throw new MalformedObject(`port ${port} is none`);
  return port;
}

function familyOf(family: number): Family {
  if (family !== 4 && family !== 6) throw new MalformedObject(`family ${family} is unknown`);
  return family;
}

/** An address must be in canonical text, as names of frontends and backends are made of it. */
function canonical(address: string, family: Family | null = null): string {
  const parsed = parseAddress(address);
  if (parsed === null || formatAddress(parsed) !== address || (family !== null && parsed.family !== family))
    throw new MalformedObject(`address "${address}" is none`);
  return address;
}
