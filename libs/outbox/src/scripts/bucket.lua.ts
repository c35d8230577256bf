/** ARGV: kind. Answers {'ok', number of the bucket ('0': none yet), sequence that its stream has reached at least}. */
export const bucketState = /* lua */ `
local state = redis.call('HMGET', stream_key(ARGV[2], 'bucket'), 'number', 'sequence')
return {'ok', state[1] or '0', state[2] or '0'}
`;

/**
 * Begins the next bucket of a kind: raises n, queues every row by revision, then an end marker that holds only there (C2).
 * Invariants: whoever believes in another number changes nothing. What waited in the outbox is replaced by the rows as they are now. A row of
 * an earlier incarnation gets a revision of this one.
 * ARGV: kind, number that the caller believes in, number that the new one must exceed as well. Answers {'ok', new number} or {'number', actual one}.
 */
export const raiseBucket = /* lua */ `
local kind, believed, beyond = ARGV[2], ARGV[3], tonumber(ARGV[4])
local state = stream_key(kind, 'bucket')
local actual = redis.call('HGET', state, 'number') or '0'
if actual ~= believed then return {'number', actual} end

local all = redis.call('HGETALL', stream_key(kind, 'rows'))
local sorted = {}
for i = 1, #all, 2 do
  local row = parse_record(all[i + 1])
  row.key, row.old = all[i], row.incarnation ~= incarnation
  sorted[#sorted + 1] = row
end
table.sort(sorted, function(a, b)
  if a.old ~= b.old then return b.old end
  return a.counter < b.counter
end)

local number = string.format('%.0f', math.max(tonumber(actual), beyond) + 1)
redis.call('HSET', state, 'number', number, 'sequence', '0')
redis.call('DEL', stream_key(kind, 'samples'))
redis.call('XTRIM', stream_key(kind, 'outbox'), 'MAXLEN', 0)
for _, row in ipairs(sorted) do
  local revision = row.revision
  if row.old then revision = incarnation .. ' ' .. next_counter(kind) end
  announce(kind, row.key, revision .. (row.present and ' + ' or ' - ') .. row.payload)
end
local bucket = kind .. '_' .. incarnation .. '_' .. number
redis.call('XADD', stream_key(kind, 'outbox'), '*', 'end', bucket, 'record', current_revision(kind))
return {'ok', number}
`;

/**
 * Takes published entries out of the outbox. Invariant: idempotent, and without effect once the bucket has changed.
 * ARGV: kind, bucket number, id of the last published entry, sequence of the stream after it, its revision. Answers {'ok'} or {'number', actual one}.
 */
export const acknowledge = /* lua */ `
local kind, number, id, sequence, revision = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local state = stream_key(kind, 'bucket')
local actual = redis.call('HGET', state, 'number') or '0'
if actual ~= number then return {'number', actual} end
local ms, order = string.match(id, '^(%d+)-(%d+)$')
redis.call('XTRIM', stream_key(kind, 'outbox'), 'MINID', ms .. '-' .. string.format('%.0f', tonumber(order) + 1))
if tonumber(sequence) > tonumber(redis.call('HGET', state, 'sequence') or '0') then redis.call('HSET', state, 'sequence', sequence) end
if not is_published(kind, revision) then redis.call('SET', stream_key(kind, 'published'), revision) end
return {'ok'}
`;

/**
 * Tombstones that have stood in the bucket for long enough. The time counts from when they were published there, not from the removal: while NATS is away nobody hears of it, and a consumer that lags when they come at last must
 * meet them. When that was is sampled here: how far the bucket had got at each call, at most sixty samples in the time to wait; a new bucket has none. Invariant: only those behind which something has been published, as whatever
 * stands last in a bucket tells consumers how far it has got.
 * ARGV: kind, time to wait in ms, greatest count. Answers {'ok', key, record…}.
 */
export const expiredTombstones = /* lua */ `
local kind, wait, count = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local answer = {'ok'}
local samples, now = stream_key(kind, 'samples'), tonumber(now_ms())
local function sample_at(index)
  local ms, counter = string.match(redis.call('LINDEX', samples, index) or '', '^(%d+) (%d+)$')
  return tonumber(ms), tonumber(counter)
end

-- What waits is in the order of counters, so all before the first that waits is in the bucket.
local published = tonumber(redis.call('GET', stream_key(kind, 'counter')) or '0')
local first = redis.call('XRANGE', stream_key(kind, 'outbox'), '-', '+', 'COUNT', 1)[1]
if first then
  for i = 1, #first[2], 2 do
    if first[2][i] == 'record' then published = math.max(tonumber(string.match(first[2][i + 1], '^%d+ (%d+)')) - 1, 0) end
  end
end

local newest = sample_at(-1)
if not newest or now - newest >= wait / 60 then redis.call('RPUSH', samples, string.format('%.0f %.0f', now, published)) end
local second = sample_at(1)
while second and second <= now - wait do
  redis.call('LPOP', samples)
  second = sample_at(1)
end
local oldest, counter = sample_at(0)
if oldest > now - wait then return answer end

local all = redis.call('HGETALL', stream_key(kind, 'rows'))
for i = 1, #all, 2 do
  local row = parse_record(all[i + 1])
  local has_waited = row.incarnation == incarnation and row.counter <= counter and row.counter < published
  if not row.present and has_waited and #answer < 2 * count then
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = all[i + 1]
  end
end
return answer
`;

/**
 * Forgets tombstones that have left the bucket; a key that has changed since stays. Invariant: without effect once the bucket has changed: the next one
 * holds them again. ARGV: kind, bucket number, key, record… Answers {'ok'} or {'number', actual one}.
 */
export const forgetTombstones = /* lua */ `
local actual = redis.call('HGET', stream_key(ARGV[2], 'bucket'), 'number') or '0'
if actual ~= ARGV[3] then return {'number', actual} end
local rows = stream_key(ARGV[2], 'rows')
for i = 4, #ARGV, 2 do
  if redis.call('HGET', rows, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', rows, ARGV[i]) end
end
return {'ok'}
`;
