/**
 * Takes or keeps a kind's lease. It fences nothing (the condition on every write does): it spares relays each other's conflicts.
 * ARGV: kind, owner, ms, '1' to take or renew it, '0' to see whether it is still the owner's. Answers {'ok', now in ms} or {'held'}: somebody else's, or run out.
 */
export const holdLease = /* lua */ `
local key, owner = stream_key(ARGV[2], 'lease'), ARGV[3]
local holder = redis.call('GET', key)
if holder and holder ~= owner then return {'held'} end
if ARGV[5] == '1' then redis.call('SET', key, owner, 'PX', ARGV[4])
elseif not holder then return {'held'} end
return {'ok', now_ms()}
`;

/** Gives a lease back, so that another relay need not wait for its end. ARGV: kind, owner. Answers {'ok'}. */
export const releaseLease = /* lua */ `
local key = stream_key(ARGV[2], 'lease')
if redis.call('GET', key) == ARGV[3] then redis.call('DEL', key) end
return {'ok'}
`;
