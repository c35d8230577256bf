/**
 * What agents present after a loss (design C4). Keys: `myelin:identity:recovery:rows`, hash: "kind key" → record as of a stream's row; `…:claims`, hash: node → its endpoints (JSON);
 * `…:version`: raised by each that is presented; `…:since`: when the first replica could hear (ms).
 */
export const presentedLua = /* lua */ `
local scope = 'identity-allocator'
local function presented_key(what) return 'myelin:identity:recovery:' .. what end
`;

/**
 * Takes what a node presents. Invariants: a key's greatest revision stays; nothing is taken once the rows are back. An incarnation that was seen is exceeded (C3): nothing was published under the present one yet.
 * ARGV: node, greatest incarnation in it, '1' where its claims are there, claims (JSON), then kind, key and record of each row. Answers {'ok'} or {'over'}.
 */
export const present = /* lua */ `
local node, greatest = ARGV[2], ARGV[3]
if not is_recovering(scope) then return {'over'} end
for i = 6, #ARGV, 3 do
  local field, record = ARGV[i] .. ' ' .. ARGV[i + 1], parse_record(ARGV[i + 2])
  local known = redis.call('HGET', presented_key('rows'), field)
  if not known or not includes(parse_record(known).revision, record.revision) then redis.call('HSET', presented_key('rows'), field, ARGV[i + 2]) end
end
if ARGV[4] == '1' then redis.call('HSET', presented_key('claims'), node, ARGV[5]) end
redis.call('INCR', presented_key('version'))
if tonumber(greatest) >= tonumber(incarnation) then redis.call('SET', 'myelin:incarnation', string.format('%.0f', tonumber(greatest) + 1)) end
return {'ok'}
`;

/** All that was presented. Answers {'ok', milliseconds since the first call of this, version, count of rows, field, record…, node, claims…} or {'over'}. */
export const gather = /* lua */ `
if not is_recovering(scope) then return {'over'} end
redis.call('SET', presented_key('since'), now_ms(), 'NX')
local elapsed = tonumber(now_ms()) - tonumber(redis.call('GET', presented_key('since')))
local rows, claims = redis.call('HGETALL', presented_key('rows')), redis.call('HGETALL', presented_key('claims'))
local answer = {'ok', string.format('%.0f', elapsed), redis.call('GET', presented_key('version')) or '0', '' .. #rows / 2}
for _, word in ipairs(rows) do answer[#answer + 1] = word end
for _, word in ipairs(claims) do answer[#answer + 1] = word end
return answer
`;

/**
 * Brings everything back in one step. Invariants: once; not where more was presented than the plan knows; an identity row exists exactly while the number has references; a number that was
 * somebody's and is nobody's is quarantined, until every node has applied what is written here; no node is registered by it: each comes and claims again.
 * ARGV: version that was planned for, lease in milliseconds, then five lists, each a count and its items: identities (number, labels), endpoints (address, row), nodes (name, row),
 * holders (node, UID, numbers with commas, addresses with spaces), quarantined (number, labels or ''). Answers {'ok'}, {'changed'} or {'over'}.
 */
export const finish = /* lua */ `
if not is_recovering(scope) then return {'over'} end
if (redis.call('GET', presented_key('version')) or '0') ~= ARGV[2] then return {'changed'} end
local lease_ms, at = ARGV[3], 4
local function each(width, act)
  local count = tonumber(ARGV[at])
  for i = 0, count - 1 do act(at + 1 + i * width) end
  at = at + 1 + count * width
end
each(2, function(i)
  redis.call('HSET', 'myelin:identity:sets', ARGV[i + 1], ARGV[i])
  set_row('identities', ARGV[i], '{"number":' .. ARGV[i] .. ',"labels":' .. ARGV[i + 1] .. '}')
end)
each(2, function(i) set_row('endpoints', ARGV[i], ARGV[i + 1]) end)
each(2, function(i)
  for _, address in ipairs(cjson.decode(ARGV[i + 1]).addresses) do redis.call('HSET', 'myelin:identity:node-addresses', address, ARGV[i]) end
  set_row('nodes', ARGV[i], ARGV[i + 1])
  write_report(ARGV[i], new_report('0', lease_ms))
end)
each(4, function(i)
  redis.call('HSET', endpoints_key(ARGV[i]), ARGV[i + 1], ARGV[i + 2] .. ' 0 ' .. ARGV[i + 3])
  for number in string.gmatch(ARGV[i + 2], '%d+') do redis.call('SADD', references_key(number), ARGV[i] .. '/' .. ARGV[i + 1]) end
end)
each(2, function(i)
  redis.call('HSET', 'myelin:identity:former', ARGV[i], ARGV[i + 1] == '' and 'unknown' or redis.sha1hex(ARGV[i + 1]))
  redis.call('HSET', 'myelin:identity:freed', ARGV[i], now_ms() .. ' ' .. current_revision('identities'))
end)
redis.call('SET', 'myelin:identity:departed', current_revision('nodes'))
for _, what in ipairs({'rows', 'claims', 'version', 'since'}) do redis.call('DEL', presented_key(what)) end
end_recovery(scope)
return {'ok'}
`;
