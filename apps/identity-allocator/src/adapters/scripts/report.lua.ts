/**
 * Notes what a node has applied, and that it lives. Invariants: a report of another registration changes nothing; within one, no component goes back; an incarnation that a node has seen is exceeded (C3): it would take
 * nothing that is published under a lesser one, and its report would count for what it has never read.
 * ARGV: node, registration, lease in milliseconds, identities, endpoints, nodes (revisions as "incarnation counter"). Answers {'ok'}, a session's refusal, or {'incarnation'} as the prelude does: another one holds from here on.
 */
export const report = /* lua */ `
local node, registration = ARGV[2], ARGV[3]
local refusal = refuse_registration(node, registration)
if refusal then return refusal end
local greatest = 0
for i = 5, 7 do greatest = math.max(greatest, tonumber(string.match(ARGV[i], '^%d+'))) end
if greatest > tonumber(incarnation) then
  redis.call('SET', 'myelin:incarnation', string.format('%.0f', greatest + 1))
  return {'incarnation'}
end
local known = read_report(node)
if not known or known.registration ~= registration then known = new_report(registration, ARGV[4]) end
known.lease_end = lease_end(ARGV[4])
known.identities = later(known.identities, ARGV[5])
known.endpoints = later(known.endpoints, ARGV[6])
known.nodes = later(known.nodes, ARGV[7])
write_report(node, known)
return {'ok'}
`;

/**
 * Notes that nodes were waited for in vain, so that nobody waits for them again before they have reported it. Invariant: only a node that still hasn't is noted.
 * ARGV: identities, endpoints (waited for), nodes…. Answers {'ok', those of them that are late…}.
 */
export const missed = /* lua */ `
local answer = {'ok'}
for i = 4, #ARGV do
  local known = read_report(ARGV[i])
  if known and not (includes(known.identities, ARGV[2]) and includes(known.endpoints, ARGV[3])) then
    known.missed_identities = later(known.missed_identities, ARGV[2])
    known.missed_endpoints = later(known.missed_endpoints, ARGV[3])
    write_report(ARGV[i], known)
    answer[#answer + 1] = ARGV[i]
  end
end
return answer
`;

/** All reports. Answers {'ok', Redis' time in milliseconds, order of the last one, node, record…}. */
export const allReports = /* lua */ `
local answer = {'ok', now_ms(), last_report_order()}
for _, word in ipairs(redis.call('HGETALL', reports)) do answer[#answer + 1] = word end
return answer
`;
