import { type Address, addressOf, firstAddress, lastAddress, type Prefix } from '@myelin/address';

/** A block's bounds as scripts compare them. */
export interface BlockBounds {
  readonly first: string;
  readonly last: string;
}

/** An address as 32 lower-case hex digits of its 16-byte form: texts of equal length compare as the numbers do. */
export function hexOf({ value }: Address): string {
  return value.toString(16).padStart(32, '0');
}

/** The address of `hexOf`'s text. */
export function addressOfHex(hex: string): Address {
  return addressOf(BigInt(`0x${hex}`));
}

/** First and last address of a prefix. */
export function boundsOf(prefix: Prefix): BlockBounds {
  return { first: hexOf(firstAddress(prefix)), last: hexOf(lastAddress(prefix)) };
}

/**
 * Lua shared by ipam, which writes blocks, and identity-allocator, which needs an address to lie in a block of its node within the same script
 * (design C5). Keys: `myelin:ipam:node:<node>`, hash: CIDR → "first last" (hex); `myelin:ipam:blocks`, hash: CIDR → "first last node";
 * `myelin:ipam:pools`, hash: CIDR → "first last".
 */
export const blocksLua = /* lua */ `
local function node_blocks_key(node) return 'myelin:ipam:node:' .. node end

local function holds(bounds, address) return string.sub(bounds, 1, 32) <= address and address <= string.sub(bounds, 34, 65) end

-- Whether an address (hex) lies in a block of the node.
local function in_block_of(node, address)
  for _, bounds in ipairs(redis.call('HVALS', node_blocks_key(node))) do
    if holds(bounds, address) then return true end
  end
  return false
end

-- Whether a CIDR (canonical text) is a block of the node.
local function is_block_of(node, cidr) return redis.call('HEXISTS', node_blocks_key(node), cidr) == 1 end

-- Whether an address (hex) lies in a pool or in any node's block.
local function in_cluster(address)
  for _, key in ipairs({'myelin:ipam:pools', 'myelin:ipam:blocks'}) do
    for _, bounds in ipairs(redis.call('HVALS', key)) do
      if holds(bounds, address) then return true end
    end
  end
  return false
end
`;
