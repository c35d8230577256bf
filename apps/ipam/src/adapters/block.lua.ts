/**
 * Gives a node its blocks, once. Invariants: a node that has blocks keeps exactly those; no two nodes' blocks overlap. The pools are noted too, so that
 * "inside the cluster" is known beside the blocks.
 * ARGV: node, count of pools, per pool CIDR and bounds ("first last"), then per block CIDR and bounds.
 * Answers {'ok'}, {'held', CIDR…} or {'overlap', wanted CIDR, CIDR that is in the way, its node}.
 */
export const acquireBlocks = /* lua */ `
local node, pools = ARGV[2], tonumber(ARGV[3])
local held = redis.call('HKEYS', node_blocks_key(node))
if #held > 0 then
  table.insert(held, 1, 'held')
  return held
end
local blocks_at = 4 + 2 * pools
local all = redis.call('HGETALL', 'myelin:ipam:blocks')
for wanted = blocks_at, #ARGV, 2 do
  local first, last = string.sub(ARGV[wanted + 1], 1, 32), string.sub(ARGV[wanted + 1], 34, 65)
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, 32) <= last and first <= string.sub(all[i + 1], 34, 65) then
      return {'overlap', ARGV[wanted], all[i], string.sub(all[i + 1], 67)}
    end
  end
end
redis.call('DEL', 'myelin:ipam:pools')
for pool = 4, blocks_at - 1, 2 do redis.call('HSET', 'myelin:ipam:pools', ARGV[pool], ARGV[pool + 1]) end
for wanted = blocks_at, #ARGV, 2 do
  redis.call('HSET', node_blocks_key(node), ARGV[wanted], ARGV[wanted + 1])
  redis.call('HSET', 'myelin:ipam:blocks', ARGV[wanted], ARGV[wanted + 1] .. ' ' .. node)
end
return {'ok'}
`;

/** Takes all blocks of a node back. Idempotent. ARGV: node. Answers {'ok', CIDR that it had…}. */
export const releaseBlocks = /* lua */ `
local answer = redis.call('HKEYS', node_blocks_key(ARGV[2]))
for _, cidr in ipairs(answer) do redis.call('HDEL', 'myelin:ipam:blocks', cidr) end
redis.call('DEL', node_blocks_key(ARGV[2]))
table.insert(answer, 1, 'ok')
return answer
`;

/** Answers {'ok', CIDR, node, CIDR, node…}. */
export const listBlocks = /* lua */ `
local answer = {'ok'}
local all = redis.call('HGETALL', 'myelin:ipam:blocks')
for i = 1, #all, 2 do
  answer[#answer + 1] = all[i]
  answer[#answer + 1] = string.sub(all[i + 1], 67)
end
return answer
`;

/**
 * Runs before `acquireBlocks` for a node that says what it has after a loss (design C4). Keys: `myelin:ipam:recovery:presented`, set of nodes that have spoken; `…:since`, when the first replica could
 * hear (ms). Once the blocks are back it answers as if Redis had gone on: the caller asks again.
 */
export const notePresented = /* lua */ `
if not is_recovering('ipam') then return {'incarnation'} end
redis.call('SADD', 'myelin:ipam:recovery:presented', ARGV[2])
`;

/** Who has spoken. Answers {'ok', milliseconds since the first call of this, node…} or {'over'}. */
export const gatherPresented = /* lua */ `
if not is_recovering('ipam') then return {'over'} end
redis.call('SET', 'myelin:ipam:recovery:since', now_ms(), 'NX')
local answer = redis.call('SMEMBERS', 'myelin:ipam:recovery:presented')
table.insert(answer, 1, string.format('%.0f', tonumber(now_ms()) - tonumber(redis.call('GET', 'myelin:ipam:recovery:since'))))
table.insert(answer, 1, 'ok')
return answer
`;

/**
 * Brings the blocks of nodes back that have not spoken themselves. Invariants: once; no two nodes' blocks overlap: where they would, who spoke has it.
 * ARGV: count of pools, per pool CIDR and bounds, then per block node, CIDR and bounds. Answers {'ok', CIDR that another node has…} or {'over'}.
 */
export const finishBlocks = /* lua */ `
if not is_recovering('ipam') then return {'over'} end
local blocks_at = 3 + 2 * tonumber(ARGV[2])
local answer = {'ok'}
redis.call('DEL', 'myelin:ipam:pools')
for pool = 3, blocks_at - 1, 2 do redis.call('HSET', 'myelin:ipam:pools', ARGV[pool], ARGV[pool + 1]) end
local function is_taken(bounds)
  local first, last = string.sub(bounds, 1, 32), string.sub(bounds, 34, 65)
  for _, other in ipairs(redis.call('HVALS', 'myelin:ipam:blocks')) do
    if string.sub(other, 1, 32) <= last and first <= string.sub(other, 34, 65) then return true end
  end
  return false
end
for i = blocks_at, #ARGV, 3 do
  local node, cidr, bounds = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('SISMEMBER', 'myelin:ipam:recovery:presented', node) == 0 then
    if is_taken(bounds) then answer[#answer + 1] = cidr
    else
      redis.call('HSET', node_blocks_key(node), cidr, bounds)
      redis.call('HSET', 'myelin:ipam:blocks', cidr, bounds .. ' ' .. node)
    end
  end
end
redis.call('DEL', 'myelin:ipam:recovery:presented', 'myelin:ipam:recovery:since')
end_recovery('ipam')
return answer
`;
