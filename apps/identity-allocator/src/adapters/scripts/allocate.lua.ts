/**
 * Gives an endpoint's label set its number and records its addresses, in one step.
 * Invariants: equal label sets have one number, and a number one label set (C1): one that another set had is given only after its quarantine, in this same script. An address belongs to one endpoint and lies in a block of its node
 * (C5). An endpoint that had a number keeps it beside the new one, and its addresses stay under it: somebody may still speak as it. Repeating a call changes
 * nothing. Whatever is refused has changed nothing.
 *
 * ARGV: node, registration, counter, UID, labels (JSON), quarantine in milliseconds, count of addresses, per address: text, hex, row up to its identity (JSON); rest of every row; candidates….
 * Answers {'ok', number, identity revision, endpoint revision, '1' where the identity is published, order of the last report}, or refuses: session's answers,
 * {'outside', address}, {'taken', address, row of the holder}, {'exhausted'}.
 */
export const allocate = /* lua */ `
local node, registration, counter, uid, labels, quarantine_ms, count = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local tail, candidates_at = ARGV[9 + 3 * count], 10 + 3 * count
local refusal = refuse_session(node, registration, counter)
if refusal then return refusal end

-- An endpoint of this node that was not claimed again under the present registration is gone: its address is free.
local abandoned = {}
local addresses = {}
for i = 9, 8 + 3 * count, 3 do
  local address, hex = ARGV[i], ARGV[i + 1]
  if not in_block_of(node, hex) then return {'outside', address} end
  local row = read_row('endpoints', address)
  local holder = row and cjson.decode(row.payload)
  if holder and not (holder.node == node and holder.endpointUid == uid) then
    local other = holder.node == node and read_endpoint(node, holder.endpointUid)
    if not other or tonumber(other.registration) >= tonumber(registration) then return {'taken', address, row.payload} end
    abandoned[#abandoned + 1] = holder.endpointUid
  end
  addresses[#addresses + 1] = address
end

-- The set's own number; else a candidate, then any number that nobody has, those first that no other label set had before. What it had last it may have again at any time.
local function find_number()
  local known = redis.call('HGET', 'myelin:identity:sets', labels)
  if known then return known end
  local sha = redis.sha1hex(labels)
  local function is_free(number)
    if read_row('identities', number) then return false end
    local former = redis.call('HGET', 'myelin:identity:former', number)
    return not former or former == sha
  end
  for i = candidates_at, #ARGV do
    if is_free(ARGV[i]) then return ARGV[i] end
  end
  local first = tonumber(ARGV[candidates_at])
  -- A number is in one of the two, or was never given. Where all are, they aren't tried one by one: that took longer than callers wait.
  if redis.call('HLEN', 'myelin:identity:sets') + redis.call('HLEN', 'myelin:identity:former') < 65280 then
    for offset = 0, 65279 do
      local number = string.format('%.0f', 256 + (first - 256 + offset) % 65280)
      if is_free(number) then return number end
    end
  end
  local former = redis.call('HGETALL', 'myelin:identity:former')
  local nearest, distance = nil, 65280
  for i = 1, #former, 2 do
    local offset, is_own = (tonumber(former[i]) - first) % 65280, former[i + 1] == sha
    -- What the set itself had comes before all others.
    if is_own then offset = offset - 65280 end
    if offset < distance and (is_own or is_quarantine_over(former[i], quarantine_ms)) then nearest, distance = former[i], offset end
  end
  return nearest
end
local number = find_number()
if not number then return {'exhausted'} end

note_counter(node, counter)
-- The new reference first: a number whose last other reference goes now must not be freed in between.
redis.call('SADD', references_key(number), node .. '/' .. uid)
for _, other in ipairs(abandoned) do remove_endpoint(node, other) end
redis.call('HSET', 'myelin:identity:sets', labels, number)
redis.call('HDEL', 'myelin:identity:former', number)
redis.call('HDEL', 'myelin:identity:freed', number)
local identity_revision = set_row('identities', number, '{"number":' .. number .. ',"labels":' .. labels .. '}')

local last = nil
local function note(revision)
  if revision and (not last or tonumber(string.match(revision, ' (%d+)$')) > tonumber(string.match(last, ' (%d+)$'))) then last = revision end
end
local before = read_endpoint(node, uid)
local numbers = {number}
if before then
  numbers = with_first(with_first(before.numbers, number), before.numbers[1])
  local kept = {}
  for _, address in ipairs(addresses) do kept[address] = true end
  for _, address in ipairs(before.addresses) do
    if not kept[address] then note(remove_row('endpoints', address)) end
  end
end
for i = 9, 8 + 3 * count, 3 do note(set_row('endpoints', ARGV[i], ARGV[i + 2] .. numbers[1] .. tail)) end
write_endpoint(node, uid, numbers, registration, addresses)
return {'ok', number, identity_revision, last or current_revision('endpoints'), is_published('identities', identity_revision) and '1' or '0', last_report_order()}
`;
