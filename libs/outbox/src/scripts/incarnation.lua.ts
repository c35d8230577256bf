/**
 * Opens an incarnation where there is none (C3). Invariant: it is greater than every one that was seen, and not less than Redis' own clock.
 * ARGV: greatest incarnation seen anywhere. Answers the incarnation that holds now. (The one script without the prelude.)
 */
export const openIncarnation = /* lua */ `
local current = redis.call('GET', 'myelin:incarnation')
if current then return current end
local time = redis.call('TIME')
local opened = string.format('%.0f', math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1]) + 1))
redis.call('SET', 'myelin:incarnation', opened)
return opened
`;
