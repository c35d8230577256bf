/**
 * Who has an address. An address inside the cluster that nobody has is unknown, never world (D4).
 * ARGV: address, hex. Answers {'endpoint', its row, the identity's row or ''}, {'node', name}, {'unknown'} or {'world'}.
 */
export const whoIs = /* lua */ `
local row = read_row('endpoints', ARGV[2])
if row then
  local identity = read_row('identities', string.format('%.0f', cjson.decode(row.payload).identity))
  return {'endpoint', row.payload, identity and identity.payload or ''}
end
local node = redis.call('HGET', 'myelin:identity:node-addresses', ARGV[2])
if node then return {'node', node} end
if in_cluster(ARGV[3]) then return {'unknown'} end
return {'world'}
`;
