/**
 * An empty Redis is given a name, so that what was found out about it can't be taken for knowledge about a later loss (C4).
 * ARGV: the name to give where it has none. Answers {'open', incarnation}, or {'empty', name of this life}. (Scripts here go without the prelude: there is no
 * incarnation yet.)
 */
export const lookAtIncarnation = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation')
if current then return {'open', current} end
redis.call('SET', 'myelin:life', ARGV[1], 'NX')
return {'empty', redis.call('GET', 'myelin:life')}
`;

/**
 * Opens an incarnation where there is none (C3). Invariants: it is greater than every one that was seen, and not less than Redis' own clock; nothing is
 * opened for a caller that looked at another life of Redis.
 * ARGV: life, greatest incarnation seen anywhere. Answers {'open', incarnation that holds now} or {'empty', name of this life}.
 */
export const openIncarnation = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation')
if current then return {'open', current} end
local life = redis.call('GET', 'myelin:life')
if life ~= ARGV[1] then return {'empty', life or ''} end
local time = redis.call('TIME')
local opened = string.format('%.0f', math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2]) + 1))
redis.call('SET', 'myelin:incarnation', opened)
return {'open', opened}
`;
