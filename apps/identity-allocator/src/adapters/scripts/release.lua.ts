/**
 * Takes back what an endpoint has: everything, or the numbers that it has given up. Invariants: only (node, UID) itself can (C5): nobody else's rows are
 * touched; a number under which addresses are published stays; idempotent.
 * ARGV: node, registration, counter, UID, number that stays ('0': none). Answers {'ok', endpoint revision}, {'unheld'} or a session's refusal.
 */
export const release = /* lua */ `
local node, uid, keep = ARGV[2], ARGV[5], ARGV[6]
local refusal = refuse_session(node, ARGV[3], ARGV[4])
if refusal then return refusal end
local endpoint = read_endpoint(node, uid)
if keep ~= '0' and not (endpoint and endpoint.numbers[1] == keep) then return {'unheld'} end

note_counter(node, ARGV[4])
if keep == '0' then
  remove_endpoint(node, uid)
  return {'ok', current_revision('endpoints')}
end
for _, number in ipairs({unpack(endpoint.numbers, 2)}) do drop_reference(node, uid, number) end
write_endpoint(node, uid, {keep}, endpoint.registration, endpoint.addresses)
return {'ok', current_revision('endpoints')}
`;
