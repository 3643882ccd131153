#!lua flags=allow-oom
-- Removes events of one tenant with their deliveries, pending ones too.
--
-- KEYS  1 events in no feed, 2 the tenant's usage; then of every event its hash, and of each of its deliveries its endpoint's
--       due set
-- ARGV  of every event: TENANT|EVENT, how many deliveries, their members
local unlisted, usage = KEYS[1], KEYS[2]
local a, k, pending, bytes = 0, 2, 0, 0
local function arg() a = a + 1 return ARGV[a] end
local function key() k = k + 1 return KEYS[k] end
while a < #ARGV do
  local event, name, deliveries = key(), arg(), tonumber(arg())
  for _ = 1, deliveries do
    pending = pending + redis.call('ZREM', key(), arg())
  end
  bytes = bytes + redis.call('HSTRLEN', event, 'e')
  redis.call('UNLINK', event)
  redis.call('ZREM', unlisted, name)
end
-- What an older version stored is not counted: a sum never falls below nothing.
for field, sum in pairs({ pending = pending, bytes = bytes }) do
  if sum > 0 and redis.call('HINCRBY', usage, field, -sum) < 0 then redis.call('HSET', usage, field, 0) end
end
