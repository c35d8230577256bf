/**
 * An empty Redis is given a name, so that what was found out about it can't be taken for knowledge about a later loss (C4).
 * ARGV: the name to give where it has none, the caller's recovery scope ('': none). Answers {'open', incarnation, '1' while the scope's rows are not back}, or
 * {'empty', name of this life}. (Scripts here go without the prelude: there is no incarnation yet.)
 */
export const lookAtIncarnation = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation')
if current then return {'open', current, '' .. redis.call('SISMEMBER', 'myelin:recovering', ARGV[2] or '')} end
redis.call('SET', 'myelin:life', ARGV[1], 'NX')
return {'empty', redis.call('GET', 'myelin:life')}
`;

/**
 * Opens an incarnation where there is none (C3). Invariants: it is greater than every one that was seen, and not less than Redis' own clock; nothing is
 * opened for a caller that looked at another life of Redis; from the same step on every scope is recovering: an empty Redis that nobody began is a loss (C4).
 * ARGV: life, greatest incarnation seen anywhere, recovery scopes…. Answers {'open', incarnation that holds now} or {'empty', name of this life}.
 */
export const openIncarnation = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation')
if current then return {'open', current} end
local life = redis.call('GET', 'myelin:life')
if life ~= ARGV[1] then return {'empty', life or ''} end
local time = redis.call('TIME')
local opened = string.format('%.0f', math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2]) + 1))
redis.call('SET', 'myelin:incarnation', opened)
for i = 3, #ARGV do redis.call('SADD', 'myelin:recovering', ARGV[i]) end
return {'open', opened}
`;

/**
 * An operator's word that what can't be recovered is given up. It names the incarnation in which he was told so: repeated after a later loss it does nothing (C4).
 * ARGV: incarnation. Answers {'ok'}, or {'other', the incarnation that holds, '1' while something is recovering}.
 */
export const acceptEmpty = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation') or ''
local recovering = redis.call('SCARD', 'myelin:recovering') > 0
if current ~= ARGV[1] or not recovering then return {'other', current, recovering and '1' or '0'} end
redis.call('SET', 'myelin:accepted', ARGV[1])
return {'ok'}
`;
