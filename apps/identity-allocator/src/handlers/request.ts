import { type Address, formatAddress, type Prefix, parseAddress, parsePrefix } from '@myelin/address';
import type { Session } from '@myelin/contracts/identity';
import { expectedDnsSubdomain } from '@myelin/labels';
import { MyelinError } from '@myelin/service';
import type { CallerSession } from '../adapters/registry.ts';

/** Greatest number of a revision that is taken: Redis' scripts reckon with doubles, and add one. */
export const greatestExact = BigInt(Number.MAX_SAFE_INTEGER) - 1n;

const invalid = (message: string) => new MyelinError('invalid_argument', message);

/** Checks a node's name. */
export function readNodeName(name: string): string {
  const expected = expectedDnsSubdomain(name);
  if (expected !== null) throw invalid(`node name "${name}": expected ${expected}`);
  return name;
}

/** Who calls: node and session, both needed. */
export function readSession(node: string, session: Session | undefined): CallerSession {
  if (session === undefined || session.registration === 0n) throw invalid(`node ${node}: a session is missing: call RegisterNode first`);
  return { node: readNodeName(node), registration: session.registration, counter: session.counter };
}

/** A text that may not be empty or hold white space: `what` names it. */
export function readWord(what: string, text: string): string {
  if (!/^\S+$/.test(text)) throw invalid(`${what} "${text}": expected a text without white space`);
  return text;
}

/** Addresses in canonical form, none twice. `owner` names whose they are. */
export function readAddresses(owner: string, texts: readonly string[]): Address[] {
  const addresses = new Map<string, Address>();
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === null) throw invalid(`${owner}: "${text}" is no IP address`);
    addresses.set(formatAddress(address), address);
  }
  return [...addresses.values()];
}

/** Pod ranges of a node. */
export function readPodCidrs(node: string, texts: readonly string[]): Prefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text, { hostBits: 'refuse' });
    if (prefix === null) throw invalid(`node ${node}: pod CIDR "${text}" is no IP prefix (or has bits behind its length)`);
    return prefix;
  });
}
