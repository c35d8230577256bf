/**
 * Publishes an endpoint's addresses under another of its numbers. Invariants: an address names a number that its endpoint refers to; no reference changes;
 * idempotent. ARGV: node, registration, counter, UID, number. Answers {'ok', endpoint revision}, {'unheld'} or a session's refusal.
 */
export const moveAddresses = /* lua */ `
local node, registration, uid, number = ARGV[2], ARGV[3], ARGV[5], ARGV[6]
local refusal = refuse_session(node, registration, ARGV[4])
if refusal then return refusal end
local endpoint = read_endpoint(node, uid)
if not endpoint or redis.call('SISMEMBER', references_key(number), node .. '/' .. uid) == 0 then return {'unheld'} end

note_counter(node, ARGV[4])
write_endpoint(node, uid, with_first(endpoint.numbers, number), registration, endpoint.addresses)
for _, address in ipairs(endpoint.addresses) do
  local payload = string.gsub(read_row('endpoints', address).payload, '"identity":%d+', '"identity":' .. number, 1)
  set_row('endpoints', address, payload)
end
return {'ok', current_revision('endpoints')}
`;
