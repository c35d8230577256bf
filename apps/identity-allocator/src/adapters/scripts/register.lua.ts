/**
 * Registers a node and opens a session. Invariants: a registration is greater than every earlier one; pod ranges are blocks that ipam gave to this
 * node; no two nodes share an address; the node is live from here on, and has reported nothing yet.
 * ARGV: node, UID, row (JSON), lease in milliseconds, count of addresses, addresses…, pod CIDRs (canonical)….
 * Answers {'ok', registration, revision, '1' where the node was registered already}, {'foreign', CIDR} or {'address', address, node that has it}.
 */
export const registerNode = /* lua */ `
local node, uid, row, lease_ms, count = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local holders = 'myelin:identity:node-addresses'
for i = 7 + count, #ARGV do
  if not is_block_of(node, ARGV[i]) then return {'foreign', ARGV[i]} end
end
for i = 7, 6 + count do
  local holder = redis.call('HGET', holders, ARGV[i])
  if holder and holder ~= node then return {'address', ARGV[i], holder} end
end

-- Greater than every registration even after a loss of this counter: it follows the clock.
-- Registered before, and not taken away since; nor has Redis been emptied: what comes back then is to be claimed.
local continued = redis.call('EXISTS', node_key(node)) == 1
local registrations = 'myelin:identity:registrations'
local registration = string.format('%.0f', math.max(tonumber(redis.call('GET', registrations) or '0') + 1, tonumber(now_ms())))
redis.call('SET', registrations, registration)
redis.call('HSET', node_key(node), 'uid', uid, 'registration', registration, 'counter', '0')

local before = read_row('nodes', node)
if before then
  for _, address in ipairs(cjson.decode(before.payload).addresses) do redis.call('HDEL', holders, address) end
end
for i = 7, 6 + count do redis.call('HSET', holders, ARGV[i], node) end
write_report(node, new_report(registration, lease_ms))
return {'ok', registration, set_row('nodes', node, row), continued and '1' or '0'}
`;
