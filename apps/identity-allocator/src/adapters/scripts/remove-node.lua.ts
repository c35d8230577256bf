/**
 * Takes nodes away. Invariants: everything that refers to the node goes in one step, its numbers' quarantine begins then; the revision that removed it is remembered, as no number
 * gets another meaning before every node has applied it (C1).
 */
export const removeNodeLua = /* lua */ `
local function take_away(node)
  for _, uid in ipairs(redis.call('HKEYS', endpoints_key(node))) do remove_endpoint(node, uid) end
  local row = read_row('nodes', node)
  local known = row and row.payload or redis.call('HGET', node_key(node), 'pending')
  if known then
    local holders = 'myelin:identity:node-addresses'
    for _, address in ipairs(cjson.decode(known).addresses) do
      if redis.call('HGET', holders, address) == node then redis.call('HDEL', holders, address) end
    end
  end
  if row then redis.call('SET', 'myelin:identity:departed', remove_row('nodes', node)) end
  redis.call('DEL', node_key(node))
  redis.call('HDEL', reports, node)
  publish_report(node, '-')
end
`;

/** One node. ARGV: node. Answers {'ok', revision of the stream nodes, of the stream endpoints}. */
export const removeNode = /* lua */ `
take_away(ARGV[2])
return {'ok', current_revision('nodes'), current_revision('endpoints')}
`;

/** All nodes whose lease has been over for so long. ARGV: milliseconds. Answers {'ok', their names…}. */
export const removeForgotten = /* lua */ `
local answer = {'ok'}
for _, node in ipairs(redis.call('HKEYS', reports)) do
  if tonumber(read_report(node).lease_end) + tonumber(ARGV[2]) <= tonumber(now_ms()) then
    take_away(node)
    answer[#answer + 1] = node
  end
end
return answer
`;
