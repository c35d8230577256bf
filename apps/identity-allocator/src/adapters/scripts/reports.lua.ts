/**
 * What nodes have said that they have applied (design C6), and their leases. Key and channel `myelin:identity:reports`, hash: node → "registration, end of the lease (ms),
 * identities, endpoints, nodes, missed identities, missed endpoints", revisions as "incarnation counter", "0 0" where there is none.
 * `myelin:identity:reports-order`: counts what was written, and goes on from the clock where it was lost. Invariant: what is written here is published with it, in that order: "order now node record".
 */
export const reportsLua = /* lua */ `
local reports = 'myelin:identity:reports'
local reports_order = 'myelin:identity:reports-order'

-- A record of '-': the node was taken away.
local function publish_report(node, record)
  redis.call('SETNX', reports_order, now_ms())
  redis.call('PUBLISH', reports, redis.call('INCR', reports_order) .. ' ' .. now_ms() .. ' ' .. node .. ' ' .. record)
end

local function last_report_order() return redis.call('GET', reports_order) or '0' end

-- Whether revision a ("incarnation counter") includes b.
local function includes(a, b)
  local a_of, a_counter = string.match(a, '^(%d+) (%d+)$')
  local b_of, b_counter = string.match(b, '^(%d+) (%d+)$')
  if a_of ~= b_of then return tonumber(a_of) > tonumber(b_of) end
  return tonumber(a_counter) >= tonumber(b_counter)
end

local function later(a, b)
  if includes(a, b) then return a end
  return b
end

local function lease_end(lease_ms) return string.format('%.0f', tonumber(now_ms()) + tonumber(lease_ms)) end

-- Of a node that has just registered.
local function new_report(registration, lease_ms)
  return { registration = registration, lease_end = lease_end(lease_ms), identities = '0 0', endpoints = '0 0', nodes = '0 0', missed_identities = '0 0', missed_endpoints = '0 0' }
end

-- The report of a node, or nil.
local function read_report(node)
  local record = redis.call('HGET', reports, node)
  if not record then return nil end
  local revision = ' (%d+ %d+)'
  local registration, ends, identities, endpoints, nodes, missed_identities, missed_endpoints =
    string.match(record, '^(%d+) (%d+)' .. string.rep(revision, 5) .. '$')
  return {
    registration = registration, lease_end = ends, identities = identities, endpoints = endpoints, nodes = nodes,
    missed_identities = missed_identities, missed_endpoints = missed_endpoints,
  }
end

local function write_report(node, report)
  local record = table.concat({
    report.registration, report.lease_end, report.identities, report.endpoints, report.nodes, report.missed_identities, report.missed_endpoints,
  }, ' ')
  redis.call('HSET', reports, node, record)
  publish_report(node, record)
end
`;
