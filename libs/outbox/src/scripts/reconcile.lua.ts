/**
 * A slice of a kind's rows and tombstones, to be compared with its bucket (C2). Invariants: nothing while rows are on their way back, of whatever service (C4), nor while anything waits to be published: then all that is
 * listed had been published. ARGV: kind, cursor, about how many. Answers {'ok', next cursor ('0': that was the last one), key, record…} or {'busy'}.
 */
export const listRows = /* lua */ `
if redis.call('SCARD', 'myelin:recovering') > 0 then return {'busy'} end
if redis.call('XLEN', stream_key(ARGV[2], 'outbox')) > 0 then return {'busy'} end
local page = redis.call('HSCAN', stream_key(ARGV[2], 'rows'), ARGV[3], 'COUNT', ARGV[4])
local answer = {'ok', page[1]}
for _, word in ipairs(page[2]) do answer[#answer + 1] = word end
return answer
`;

/**
 * Queues rows that their bucket doesn't hold as they are, each with a new revision: what follows in the bucket is greater than what is there. Invariants: it queues, and changes nothing else; not while rows are on their way
 * back; a row that isn't what was listed any more was queued by whoever changed it; without effect once the bucket has changed: the next one holds all rows.
 * ARGV: kind, bucket number, key, record… Answers {'ok', how many}.
 */
export const queueAgain = /* lua */ `
local kind = ARGV[2]
if redis.call('SCARD', 'myelin:recovering') > 0 then return {'ok', '0'} end
if (redis.call('HGET', stream_key(kind, 'bucket'), 'number') or '0') ~= ARGV[3] then return {'ok', '0'} end
local count = 0
for i = 4, #ARGV, 2 do
  if redis.call('HGET', stream_key(kind, 'rows'), ARGV[i]) == ARGV[i + 1] then
    local row = parse_record(ARGV[i + 1])
    announce(kind, ARGV[i], incarnation .. ' ' .. next_counter(kind) .. (row.present and ' + ' or ' - ') .. row.payload)
    count = count + 1
  end
end
return {'ok', '' .. count}
`;
