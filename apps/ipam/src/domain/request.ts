import { formatPrefix, overlaps, type Prefix, parsePrefix } from '@myelin/address';
import { expectedDnsSubdomain } from '@myelin/labels';
import { MyelinError } from '@myelin/service';

/** Checks a node's name (RFC 1123 subdomain, as Kubernetes has it); throws `invalid_argument`. */
export function checkNodeName(name: string): string {
  const expected = expectedDnsSubdomain(name);
  if (expected !== null) throw new MyelinError('invalid_argument', `node name "${name}": expected ${expected}`);
  return name;
}

/** Reads the ranges that a node asks for: prefixes without host bits, none overlapping another. Throws `invalid_argument`, naming the first bad one. */
export function parseRequestedCidrs(node: string, texts: readonly string[]): Prefix[] {
  const prefixes: Prefix[] = [];
  for (const text of texts) {
    const prefix = parsePrefix(text, { hostBits: 'refuse' });
    if (prefix === null)
      throw new MyelinError('invalid_argument', `node ${node}: requested CIDR "${text}" is no IP prefix (or has bits behind its length)`);
    if (prefix.bits === 0) throw new MyelinError('invalid_argument', `node ${node}: requested CIDR ${text} is every address there is`);
    const other = prefixes.find((earlier) => overlaps(earlier, prefix));
    if (other !== undefined)
      throw new MyelinError('invalid_argument', `node ${node}: requested CIDRs ${formatPrefix(other)} and ${text} overlap`);
    prefixes.push(prefix);
  }
  return prefixes;
}
