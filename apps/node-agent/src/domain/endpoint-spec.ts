import { formatAddress, parseAddress } from '@myelin/address';
import type { EndpointSpec as SpecMessage } from '@myelin/contracts/agent';
import type { EndpointSpec } from '@myelin/identity-rules';
import { identityLabels } from '@myelin/labels';
import { refuseInterfaceName, refuseWord } from './link-commands.ts';

/** A spec that can be worked with, or everything that is wrong with it. */
export type SpecReading =
  | { readonly kind: 'spec'; readonly spec: EndpointSpec }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Protocols that a container port may have. */
const portProtocols = ['TCP', 'UDP', 'SCTP'] as const;
type PortProtocol = (typeof portProtocols)[number];

const isPortProtocol = (text: string): text is PortProtocol => (portProtocols as readonly string[]).includes(text);

/** Reads what a caller sent: its text goes into commands, file names and labels. */
export function readSpec(message: SpecMessage | undefined): SpecReading {
  if (message === undefined) return { kind: 'invalid', problems: ['spec is missing'] };
  const problems = [...refuseNames(message), ...refuseAddresses(message.addresses), ...refusePorts(message)];
  if (problems.length > 0) return { kind: 'invalid', problems };
  const { uid, namespace, name, labels, namespaceLabels, serviceAccount, netns } = message;
  return {
    kind: 'spec',
    spec: {
      ...{ uid, namespace, name, labels, namespaceLabels, serviceAccount, netns },
      interfaceName: message.interfaceName === '' ? 'eth0' : message.interfaceName,
      namedPorts: message.namedPorts.map((port) => ({ name: port.name, number: port.port, protocol: port.protocol as PortProtocol })),
      addresses: message.addresses.map((text) => formatAddress(parseAddress(text)!)),
    },
  };
}

/** Writes a spec as a message. */
export function specMessage({ namedPorts, labels, namespaceLabels, addresses, ...rest }: EndpointSpec): SpecMessage {
  return {
    ...rest,
    labels: { ...labels },
    namespaceLabels: { ...namespaceLabels },
    addresses: [...addresses],
    namedPorts: namedPorts.map(({ name, number, protocol }) => ({ name, port: number, protocol })),
  };
}

/** The canonical labels that the endpoint's identity is made of. */
export function labelsOf(spec: EndpointSpec, cluster: string): readonly string[] {
  return identityLabels({ ...spec, cluster });
}

function refuseNames({ uid, namespace, name, netns, interfaceName }: SpecMessage): string[] {
  const problems: string[] = [];
  const required = { uid, namespace, name, netns };
  for (const [field, value] of Object.entries(required)) if (value === '') problems.push(`spec.${field} is missing`);
  if (netns !== '' && !netns.startsWith('/')) problems.push(`spec.netns is "${netns}": expected an absolute path`);
  const word = netns === '' ? null : refuseWord(netns);
  if (word !== null) problems.push(`spec.netns: ${word}`);
  const named = interfaceName === '' ? null : refuseInterfaceName(interfaceName);
  if (named !== null) problems.push(`spec.interface_name: ${named}`);
  return problems;
}

function refuseAddresses(addresses: readonly string[]): string[] {
  const parsed = addresses.map((text) => ({ text, address: parseAddress(text) }));
  const problems = parsed.filter(({ address }) => address === null).map(({ text }) => `spec.addresses: "${text}" is no IP address`);
  for (const family of [4, 6] as const) {
    if (parsed.filter(({ address }) => address?.family === family).length > 1)
      problems.push(`spec.addresses: more than one IPv${family} address`);
  }
  return problems;
}

function refusePorts({ namedPorts }: SpecMessage): string[] {
  return namedPorts.flatMap(({ name, port, protocol }) => {
    const problems: string[] = [];
    if (name === '' || /[=;\s]/.test(name)) problems.push(`spec.named_ports: "${name}" is no port name`);
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      problems.push(`spec.named_ports: ${name} has port ${port}, expected 1 to 65535`);
    if (!isPortProtocol(protocol)) problems.push(`spec.named_ports: ${name} has protocol "${protocol}", expected TCP, UDP or SCTP`);
    return problems;
  });
}
