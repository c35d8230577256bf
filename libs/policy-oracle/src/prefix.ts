import { BlockList, isIP } from 'node:net';

/** Whether `address` lies in `prefix`. A bare address is the prefix of that address alone; bits beyond the length are ignored. */
export function contains(prefix: string, address: string): boolean {
  const [network, length] = prefix.split('/') as [string, string | undefined];
  const family = isIP(network);
  if (family === 0 || isIP(address) === 0) throw new RangeError(`not an address: ${prefix} or ${address}`);
  if (family !== isIP(address)) return false;
  const block = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  block.addSubnet(network, length === undefined ? (family === 4 ? 32 : 128) : Number(length), type);
  return block.check(address, type);
}

/** Whether `address` lies in `prefix` and in none of `except`. */
export function containsExcept(prefix: string, except: readonly string[], address: string): boolean {
  return contains(prefix, address) && !except.some((hole) => contains(hole, address));
}
