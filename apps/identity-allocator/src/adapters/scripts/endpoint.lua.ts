/**
 * Endpoints and their references to identity numbers (design C1, C5).
 * Keys: `myelin:identity:endpoints:<node>`, hash: endpoint UID → "number,number… registration address address…", the number first under which its addresses are
 * published; `myelin:identity:references:<number>`, set of "node/UID"; `myelin:identity:sets`, hash: labels (JSON) → number; `myelin:identity:former`, hash:
 * number → SHA-1 of the labels that had it last; `myelin:identity:freed`, hash: number → "when (ms) incarnation counter", the revision of its row's removal;
 * `myelin:identity:departed`: revision of the stream `nodes` that removed an expired node last.
 * Invariants: an identity row exists exactly while the number has references, and is in `sets` exactly then; an address row belongs to the endpoint
 * that lists it, and names a number that this endpoint refers to.
 */
export const endpointLua = /* lua */ `
local function endpoints_key(node) return 'myelin:identity:endpoints:' .. node end
local function references_key(number) return 'myelin:identity:references:' .. number end

-- The endpoint of (node, UID): { numbers (list), registration, addresses (list) }, or nil.
local function read_endpoint(node, uid)
  local record = redis.call('HGET', endpoints_key(node), uid)
  if not record then return nil end
  local words = {}
  for word in string.gmatch(record, '%S+') do words[#words + 1] = word end
  local numbers = {}
  for number in string.gmatch(words[1], '%d+') do numbers[#numbers + 1] = number end
  return { numbers = numbers, registration = words[2], addresses = {unpack(words, 3)} }
end

local function write_endpoint(node, uid, numbers, registration, addresses)
  redis.call('HSET', endpoints_key(node), uid, table.concat(numbers, ',') .. ' ' .. registration .. ' ' .. table.concat(addresses, ' '))
end

-- The numbers with this one first.
local function with_first(numbers, number)
  local sorted = {number}
  for _, other in ipairs(numbers) do
    if other ~= number then sorted[#sorted + 1] = other end
  end
  return sorted
end

-- Takes the reference of (node, UID) to a number away; the last one frees the number.
local function drop_reference(node, uid, number)
  redis.call('SREM', references_key(number), node .. '/' .. uid)
  if redis.call('SCARD', references_key(number)) > 0 then return end
  local row = read_row('identities', number)
  if not row then return end
  local labels = string.match(row.payload, '"labels":(.*)}$')
  redis.call('HDEL', 'myelin:identity:sets', labels)
  redis.call('HSET', 'myelin:identity:former', number, redis.sha1hex(labels))
  redis.call('HSET', 'myelin:identity:freed', number, now_ms() .. ' ' .. remove_row('identities', number))
end

-- Whether a number that nobody has may get another meaning (design C1): it has been free for long enough, and every node has applied its removal, and that
-- of each node whose lease ended. A node whose lease is over, but that is not removed yet, counts: it may still speak as it did.
local function is_quarantine_over(number, quarantine_ms)
  local freed = redis.call('HGET', 'myelin:identity:freed', number)
  if not freed then return true end
  local at, removal = string.match(freed, '^(%d+) (%d+ %d+)$')
  if tonumber(now_ms()) - tonumber(at) < tonumber(quarantine_ms) then return false end
  local departed = redis.call('GET', 'myelin:identity:departed') or '0 0'
  for _, other in ipairs(redis.call('HKEYS', reports)) do
    local report = read_report(other)
    if not (includes(report.identities, removal) and includes(report.nodes, departed)) then return false end
  end
  return true
end

-- Removes an endpoint with its addresses and its references.
local function remove_endpoint(node, uid)
  local endpoint = read_endpoint(node, uid)
  if not endpoint then return end
  for _, address in ipairs(endpoint.addresses) do remove_row('endpoints', address) end
  redis.call('HDEL', endpoints_key(node), uid)
  for _, number in ipairs(endpoint.numbers) do drop_reference(node, uid, number) end
end
`;
