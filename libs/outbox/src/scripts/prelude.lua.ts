/**
 * What every script that touches state begins with, and the only code that writes rows.
 *
 * Invariants: nothing is read or written under another incarnation than the caller's (C1). A row and its announcement are written together (C2).
 * A kind's counter grows by one with every change, and the outbox holds changes in that order. A row whose payload stays the same keeps its revision.
 *
 * ARGV[1]: the incarnation that the caller believes in; a script's own arguments begin at ARGV[2]. A script answers an array whose first
 * element is a word; `incarnation` is the prelude's: Redis has another one, or none.
 */
export const prelude = /* lua */ `
local incarnation = ARGV[1]
if redis.call('GET', 'myelin:incarnation') ~= incarnation then return {'incarnation'} end

local function stream_key(kind, what) return 'myelin:stream:' .. kind .. ':' .. what end

local function next_counter(kind) return string.format('%.0f', redis.call('INCR', stream_key(kind, 'counter'))) end

local function now_ms()
  local time = redis.call('TIME')
  return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- Record of a row: "incarnation counter + payload", of a tombstone: "incarnation counter - milliseconds".
local function parse_record(record)
  local of, counter, state, rest = string.match(record, '^(%d+) (%d+) ([+-]) (.*)$')
  return { revision = of .. ' ' .. counter, incarnation = of, counter = tonumber(counter), present = state == '+', payload = rest }
end

-- The row of a key: a table, or nil where there is none (a tombstone counts as none).
local function read_row(kind, key)
  local record = redis.call('HGET', stream_key(kind, 'rows'), key)
  if not record then return nil end
  local row = parse_record(record)
  if row.present then return row end
  return nil
end

local function announce(kind, key, record)
  redis.call('HSET', stream_key(kind, 'rows'), key, record)
  redis.call('XADD', stream_key(kind, 'outbox'), '*', 'key', key, 'record', record)
end

-- Writes a row (payload: JSON text) and announces it; returns its revision as "incarnation counter".
local function set_row(kind, key, payload)
  local row = read_row(kind, key)
  if row and row.payload == payload and row.incarnation == incarnation then return row.revision end
  local revision = incarnation .. ' ' .. next_counter(kind)
  announce(kind, key, revision .. ' + ' .. payload)
  return revision
end

-- Turns a row into a tombstone and announces it; returns its revision, or nil where there was no row.
local function remove_row(kind, key)
  if not read_row(kind, key) then return nil end
  local revision = incarnation .. ' ' .. next_counter(kind)
  announce(kind, key, revision .. ' - ' .. now_ms())
  return revision
end

-- Whether a change has been published in some bucket of the kind.
local function is_published(kind, revision)
  local published = redis.call('GET', stream_key(kind, 'published'))
  if not published then return false end
  local of, counter = string.match(published, '^(%d+) (%d+)$')
  local wanted_of, wanted = string.match(revision, '^(%d+) (%d+)$')
  return of == wanted_of and tonumber(wanted) <= tonumber(counter)
end

-- Revision of the kind's last change.
local function current_revision(kind) return incarnation .. ' ' .. (redis.call('GET', stream_key(kind, 'counter')) or '0') end
`;
