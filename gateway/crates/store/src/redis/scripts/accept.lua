-- Stores a submission that may have been stored before: one with an idempotency key, or with ids that the producer chose.
-- All or nothing: a full Redis refuses the first write and no later one, because this script does not say
-- `flags=allow-oom`.
--
-- KEYS  1 turns, 2 sequence, 3 tenants, 4 feed, 5 events in no feed, 6 idempotency key (without one the turns again,
--       unread), 7 the tenant's usage; then the endpoints' due sets; then the events
-- ARGV  1 fingerprint or '' (no key), 2 the ids with a space between, 3 how long the key is kept (ms), 4 tenant,
--       5 lease in µs or '' (due now), 6 retention (ms), 7 how many endpoints; then of every endpoint TENANT|TARGET and 1 or 0:
--       are its deliveries leased; then of every event: its id, its record, its type or '' (not for the feed), how many
--       deliveries, and of each which endpoint (from 1) and its member
-- Gives {'stored', token or now, pending deliveries of the tenant, bytes of its events, 1 or 0 of every event: was it new},
-- {'repeated', ids} or {'reused'}.
local turns, seq, tenants, feed, unlisted, idem = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local usage = KEYS[7]
local fingerprint, ids, tenant, retention, endpoints = ARGV[1], ARGV[2], ARGV[4], ARGV[6], tonumber(ARGV[7])

if fingerprint ~= '' then
  local before = redis.call('GET', idem)
  if before then
    if string.sub(before, 1, #fingerprint) ~= fingerprint then return { 'reused' } end
    return { 'repeated', string.sub(before, #fingerprint + 1) }
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due = string.format('%.0f', now)
local score = string.format('%.0f', ARGV[5] == '' and now or now + ARGV[5])
local function score_of(endpoint) return ARGV[7 + 2 * endpoint] == '1' and score or due end

local added = {}
local pending, bytes = 0, 0
local a, k, fresh, results = 7 + 2 * endpoints, 7 + endpoints, 0, { 'stored', score, 0, 0 }
local function arg() a = a + 1 return ARGV[a] end
while a < #ARGV do
  local id, record, kind, deliveries = arg(), arg(), arg(), tonumber(arg())
  k = k + 1
  local event = KEYS[k]
  local new = redis.call('HSETNX', event, 'e', record)
  results[#results + 1] = new
  if new == 1 then
    fresh = fresh + 1
    pending = pending + deliveries
    bytes = bytes + #record
    for i = 1, deliveries do
      local endpoint = tonumber(ARGV[a + 2 * i - 1])
      redis.call('ZADD', KEYS[7 + endpoint], score_of(endpoint), ARGV[a + 2 * i])
      added[endpoint] = true
    end
    if kind ~= '' then
      redis.call('XADD', feed, '*', 'e', id, 't', kind)
    else
      redis.call('ZADD', unlisted, string.format('%.0f', now + retention * 1000), tenant .. '|' .. id)
    end
  end
  a = a + 2 * deliveries
end
for endpoint in pairs(added) do
  redis.call('ZADD', turns, 'LT', score_of(endpoint), ARGV[6 + 2 * endpoint])
end
if fresh > 0 then
  redis.call('SADD', tenants, tenant)
  redis.call('INCRBY', seq, fresh)
end
results[3] = redis.call('HINCRBY', usage, 'pending', pending)
results[4] = redis.call('HINCRBY', usage, 'bytes', bytes)
if fingerprint ~= '' then redis.call('SET', idem, fingerprint .. ids, 'PX', ARGV[3]) end
return results
