#!lua flags=allow-oom
-- Counts the pending deliveries of tenants of one shard anew.
--
-- KEYS  1 turns; then the usage of every tenant
-- ARGV  1 what the keys of due sets begin with; then of every tenant its name
-- The due sets are named by the turns, which have an entry of each endpoint with pending deliveries: one tag, and so one server.
local sums = {}
for _, turn in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local tenant, target = string.match(turn, '^([^|]+)|(.+)$')
  if tenant then
    sums[tenant] = (sums[tenant] or 0) + redis.call('ZCARD', ARGV[1] .. tenant .. ':' .. target)
  end
end
for i = 2, #ARGV do
  redis.call('HSET', KEYS[i], 'pending', sums[ARGV[i]] or 0)
end
