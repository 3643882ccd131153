#!lua flags=allow-oom
-- Forgets old events of one shard whose deliveries are all finished. One that still waits for a delivery, or that has
-- changed since it was looked at, is noted as an event in no feed and looked at again.
--
-- KEYS  1 events in no feed; then of every event its hash, its tenant's usage, and of each of its deliveries its endpoint's due set
-- ARGV  of every event: TENANT|EVENT, how many fields it had, how many deliveries, their members
local unlisted = KEYS[1]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local a, k = 0, 1
local function arg() a = a + 1 return ARGV[a] end
local function key() k = k + 1 return KEYS[k] end
while a < #ARGV do
  local event, usage, name, fields, deliveries = key(), key(), arg(), tonumber(arg()), tonumber(arg())
  local stays = redis.call('HLEN', event) ~= fields
  for _ = 1, deliveries do
    local due, member = key(), arg()
    stays = stays or redis.call('ZSCORE', due, member)
  end
  if stays then
    redis.call('ZADD', unlisted, now, name)
  else
    -- What an older version stored is not counted: a sum never falls below nothing.
    local bytes = redis.call('HSTRLEN', event, 'e')
    if bytes > 0 and redis.call('HINCRBY', usage, 'bytes', -bytes) < 0 then redis.call('HSET', usage, 'bytes', 0) end
    redis.call('UNLINK', event)
    redis.call('ZREM', unlisted, name)
  end
end
