/**
 * Recovery after a loss of Redis (C4), shared by the scripts that carry it out. Keys: `myelin:recovering`, set of the scopes whose rows are not back yet; `myelin:accepted`, the incarnation for
 * which an operator gave up what is missing.
 */
export const recoveryLua = /* lua */ `
local function is_recovering(scope) return redis.call('SISMEMBER', 'myelin:recovering', scope) == 1 end
local function is_accepted() return redis.call('GET', 'myelin:accepted') == incarnation end
local function end_recovery(scope) redis.call('SREM', 'myelin:recovering', scope) end
`;

/** ARGV: scope. Answers {'ok', '1' where an operator gave up what is missing} or {'over'}. */
export const standing = /* lua */ `
if not is_recovering(ARGV[2]) then return {'over'} end
return {'ok', is_accepted() and '1' or '0'}
`;

/**
 * Brings a scope's rows back, all in one step. Invariant: once, and never over rows that were written since. ARGV: scope, then kind, key and payload of each row. Answers {'ok'} or {'over'}.
 */
export const restore = /* lua */ `
if not is_recovering(ARGV[2]) then return {'over'} end
for i = 3, #ARGV, 3 do set_row(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
end_recovery(ARGV[2])
return {'ok'}
`;
