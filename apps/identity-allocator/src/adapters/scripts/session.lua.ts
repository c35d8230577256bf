/**
 * Sessions of agents (design C1). Key `myelin:identity:node:<node>`, hash: `uid`, `registration`, `counter` (greatest seen), `pending` and `behind` while the node is not visible.
 * Invariant: a call of an earlier registration, of one whose lease is over (no call renews it: the node registers anew), or with a counter below the greatest seen, changes nothing.
 */
export const sessionLua = /* lua */ `
local function node_key(node) return 'myelin:identity:node:' .. node end

-- Nil where the call may go on; else the answer that refuses it.
local function refuse_registration(node, registration)
  local known = redis.call('HGET', node_key(node), 'registration')
  if not known or tonumber(registration) > tonumber(known) then return {'unregistered'} end
  local report = read_report(node)
  if not report or tonumber(report.lease_end) <= tonumber(now_ms()) then return {'unregistered'} end
  if tonumber(registration) < tonumber(known) then return {'outdated', 'registration', registration, known} end
  return nil
end

local function refuse_session(node, registration, counter)
  local refusal = refuse_registration(node, registration)
  if refusal then return refusal end
  local seen = redis.call('HGET', node_key(node), 'counter')
  if tonumber(counter) < tonumber(seen) then return {'outdated', 'counter', counter, seen} end
  return nil
end

local function note_counter(node, counter)
  if tonumber(counter) > tonumber(redis.call('HGET', node_key(node), 'counter')) then redis.call('HSET', node_key(node), 'counter', counter) end
end
`;
