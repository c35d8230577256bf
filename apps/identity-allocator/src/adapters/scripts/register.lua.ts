/**
 * Registers a node and opens a session. Invariants: a node that is new, or was taken away, is not visible to its peers by that (C1: its row waits in field `pending` of the node's key, and `behind` has what it
 * must have applied first); a registration is greater than every earlier one; pod ranges are blocks that ipam gave to this
 * node; no two nodes share an address; the node is live from here on, and has reported nothing yet.
 * ARGV: node, UID, row (JSON), lease in milliseconds, count of addresses, addresses…, pod CIDRs (canonical)….
 * Answers {'ok', registration, revision ('': not visible), '1' where the node was registered already}, {'foreign', CIDR} or {'address', address, node that has it}.
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
local pending = redis.call('HGET', node_key(node), 'pending')
local continued = not pending and redis.call('EXISTS', node_key(node)) == 1
local registrations = 'myelin:identity:registrations'
local registration = string.format('%.0f', math.max(tonumber(redis.call('GET', registrations) or '0') + 1, tonumber(now_ms())))
redis.call('SET', registrations, registration)
redis.call('HSET', node_key(node), 'uid', uid, 'registration', registration, 'counter', '0')

local before = read_row('nodes', node)
local known = before and before.payload or pending
if known then
  for _, address in ipairs(cjson.decode(known).addresses) do redis.call('HDEL', holders, address) end
end
for i = 7, 6 + count do redis.call('HSET', holders, ARGV[i], node) end
write_report(node, new_report(registration, lease_ms))
if before then
  redis.call('HDEL', node_key(node), 'pending', 'behind')
  return {'ok', registration, set_row('nodes', node, row), continued and '1' or '0'}
end
redis.call('HSET', node_key(node), 'pending', row, 'behind', current_revision('identities') .. ' ' .. current_revision('endpoints') .. ' ' .. current_revision('nodes'))
return {'ok', registration, '', '0'}
`;

/**
 * Makes a node visible that `registerNode` left inactive. Invariant: not before it has reported what was current when it registered: it may hold numbers that have another meaning by now (C1). Idempotent.
 * ARGV: node, registration, counter. Answers {'ok', revision}, {'behind'} or a session's refusal.
 */
export const activateNode = /* lua */ `
local node = ARGV[2]
local refusal = refuse_session(node, ARGV[3], ARGV[4])
if refusal then return refusal end
local state = redis.call('HMGET', node_key(node), 'pending', 'behind')
local row = read_row('nodes', node)
if not state[1] then return {'ok', row and row.revision or current_revision('nodes')} end
local identities, endpoints, nodes = string.match(state[2], '^(%d+ %d+) (%d+ %d+) (%d+ %d+)$')
local report = read_report(node)
if not (includes(report.identities, identities) and includes(report.endpoints, endpoints) and includes(report.nodes, nodes)) then return {'behind'} end
redis.call('HDEL', node_key(node), 'pending', 'behind')
return {'ok', set_row('nodes', node, state[1])}
`;
