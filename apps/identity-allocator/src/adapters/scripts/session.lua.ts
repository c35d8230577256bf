/**
 * Sessions of agents (design C1). Key `myelin:identity:node:<node>`, hash: `uid`, `registration`, `counter` (greatest seen).
 * Invariant: a call of an earlier registration, or with a counter below the greatest seen, changes nothing.
 */
export const sessionLua = /* lua */ `
local function node_key(node) return 'myelin:identity:node:' .. node end

-- Nil where the call may go on; else the answer that refuses it.
local function refuse_session(node, registration, counter)
  local known = redis.call('HMGET', node_key(node), 'registration', 'counter')
  if not known[1] or tonumber(registration) > tonumber(known[1]) then return {'unregistered'} end
  if tonumber(registration) < tonumber(known[1]) then return {'outdated', 'registration', registration, known[1]} end
  if tonumber(counter) < tonumber(known[2]) then return {'outdated', 'counter', counter, known[2]} end
  return nil
end

local function note_counter(node, counter)
  if tonumber(counter) > tonumber(redis.call('HGET', node_key(node), 'counter')) then redis.call('HSET', node_key(node), 'counter', counter) end
end
`;
