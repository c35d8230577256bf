/**
 * Takes an endpoint's addresses and its reference to a number back. Invariants: only (node, UID) itself can (C5): nobody else's rows are touched;
 * idempotent. ARGV: node, registration, counter, UID. Answers {'ok'} or a session's refusal.
 */
export const release = /* lua */ `
local refusal = refuse_session(ARGV[2], ARGV[3], ARGV[4])
if refusal then return refusal end
note_counter(ARGV[2], ARGV[4])
remove_endpoint(ARGV[2], ARGV[5])
return {'ok'}
`;
