/**
 * Changes rows of one kind, all or none, in the order given. ARGV: kind, then per row: key, payload ("" removes).
 * Answers {'ok', revision after it, keys that were removed…}.
 */
export const changeRows = /* lua */ `
local kind = ARGV[2]
local answer = {'ok', ''}
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then set_row(kind, ARGV[i], ARGV[i + 1])
  elseif remove_row(kind, ARGV[i]) then answer[#answer + 1] = ARGV[i] end
end
answer[2] = current_revision(kind)
return answer
`;

/** All rows of a kind as of one revision. ARGV: kind. Answers {'ok', revision, key, record, key, record…}, tombstones included. */
export const listRows = /* lua */ `
local answer = redis.call('HGETALL', stream_key(ARGV[2], 'rows'))
table.insert(answer, 1, current_revision(ARGV[2]))
table.insert(answer, 1, 'ok')
return answer
`;

/** Some rows of a kind. ARGV: kind, key… Answers {'ok', revision, record or ''…}. */
export const getRows = /* lua */ `
local answer = {'ok', current_revision(ARGV[2])}
for i = 3, #ARGV do answer[#answer + 1] = redis.call('HGET', stream_key(ARGV[2], 'rows'), ARGV[i]) or '' end
return answer
`;
