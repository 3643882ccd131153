#!lua flags=allow-oom
-- Makes new deliveries of stored events, due now.
--
-- KEYS  1 due set, 2 events in no feed; then the event of every delivery
-- ARGV  of every delivery: member, TENANT|EVENT, TARGET|RUN, why it exists
-- Gives how many were made. One that exists already is not made again; one whose event is gone is left out. An event that
-- would have expired does not any more: it is forgotten when the delivery is finished.
local due, unlisted = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local made = 0
for i = 3, #KEYS do
  local event, a = KEYS[i], 4 * (i - 3)
  local member, name, part, trigger = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  if redis.call('EXISTS', event) == 1 and redis.call('HSETNX', event, 't:' .. part, trigger) == 1 then
    redis.call('ZADD', due, now, member)
    if redis.call('PERSIST', event) == 1 then redis.call('ZADD', unlisted, now, name) end
    made = made + 1
  end
end
return made
