import { isIP } from 'node:net';
import fc from 'fast-check';
import type { OracleEnd, OracleFlow, OracleWorld } from '../world.ts';
import { outsideAddresses, portNumbers } from './vocabulary.ts';

/** Flows between all kinds of ends, never from an endpoint to itself, to ports at and beside those that policies and pods name. */
export function flow(world: OracleWorld): fc.Arbitrary<OracleFlow> {
  const protocolAndPort = protocolsAndPorts(world);
  return ends(world).chain(([source, destination]) =>
    protocolAndPort[isIP(source.address) as 4 | 6].map(([protocol, port]): OracleFlow => ({ source, destination, protocol, port })),
  );
}

function ends(world: OracleWorld): fc.Arbitrary<[OracleEnd, OracleEnd]> {
  const endpoints = world.endpoints.flatMap(({ namespace, name, addresses }): OracleEnd[] =>
    addresses.map((address) => ({ endpoint: `${namespace}/${name}`, address })),
  );
  const nodes = world.nodes.flatMap(({ name, addresses }): OracleEnd[] => addresses.map((address) => ({ node: name, address })));
  const outside = outsideAddresses.map((address): OracleEnd => ({ address }));
  const pairs = (weight: number, from: OracleEnd[], to: OracleEnd[]) => {
    const all = from.flatMap((source) =>
      to.filter((destination) => canTalk(source, destination)).map((destination): [OracleEnd, OracleEnd] => [source, destination]),
    );
    return { weight, arbitrary: fc.constantFrom(...all) };
  };
  return fc.oneof(
    pairs(12, endpoints, endpoints),
    pairs(3, endpoints, nodes),
    pairs(3, nodes, endpoints),
    pairs(3, endpoints, outside),
    pairs(3, outside, endpoints),
    pairs(1, nodes, outside),
  );
}

function canTalk(source: OracleEnd, destination: OracleEnd): boolean {
  const same = 'endpoint' in source && 'endpoint' in destination && source.endpoint === destination.endpoint;
  return !same && isIP(source.address) === isIP(destination.address);
}

/** By family. */
function protocolsAndPorts(world: OracleWorld): Readonly<Record<4 | 6, fc.Arbitrary<[OracleFlow['protocol'], number]>>> {
  const transport = fc.constantFrom<OracleFlow['protocol'][]>('TCP', 'TCP', 'TCP', 'UDP', 'UDP', 'SCTP');
  const withPort = fc.tuple(transport, fc.constantFrom(...interestingPorts(world)));
  const or = (icmp: OracleFlow['protocol']) =>
    fc.oneof({ weight: 8, arbitrary: withPort }, { weight: 1, arbitrary: fc.tuple(fc.constant(icmp), fc.constant(0)) });
  return { 4: or('ICMP'), 6: or('ICMPv6') };
}

/** Every port that a policy or a pod names, and its neighbours. */
function interestingPorts(world: OracleWorld): number[] {
  const named = [...numbersUnder(world.policies), ...world.endpoints.flatMap(({ namedPorts }) => namedPorts.map(({ port }) => port))];
  const near = named.flatMap((port) => [port, port, port - 1, port + 1]).filter((port) => port >= 1 && port <= 65535);
  return near.length === 0 ? [...portNumbers] : near;
}

/** Numbers of all members `port` and `endPort`, however deep. */
function numbersUnder(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(numbersUnder);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const isPort = (key === 'port' || key === 'endPort') && /^\d+$/.test(String(member));
    return isPort ? [Number(member)] : numbersUnder(member);
  });
}
