#!lua flags=allow-oom
-- Makes new deliveries of stored events, due now.
--
-- KEYS  1 turns, 2 events in no feed, 3 the tenant's usage; then of every delivery its endpoint's due set and its event
-- ARGV  1 how many deliveries may be pending before or ''; then of every delivery: its endpoint (TENANT|TARGET), member, TENANT|EVENT, TARGET|RUN, why it exists
-- Gives {how many were made}, or {'over', pending} where more are pending: nothing was made then. One that exists already is not made again; one whose event is gone is left out. An event that
-- would have expired does not any more: it is forgotten when the delivery is finished.
local turns, unlisted, usage = KEYS[1], KEYS[2], KEYS[3]
local pending = tonumber(redis.call('HGET', usage, 'pending') or '0')
if ARGV[1] ~= '' and pending > tonumber(ARGV[1]) then return { 'over', pending } end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local made = 0
for i = 0, (#ARGV - 1) / 5 - 1 do
  local due, event, a = KEYS[4 + 2 * i], KEYS[5 + 2 * i], 1 + 5 * i
  local turn, member, name, part, trigger = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5]
  if redis.call('EXISTS', event) == 1 and redis.call('HSETNX', event, 't:' .. part, trigger) == 1 then
    redis.call('ZADD', due, now, member)
    redis.call('ZADD', turns, 'LT', now, turn)
    if redis.call('PERSIST', event) == 1 then redis.call('ZADD', unlisted, now, name) end
    made = made + 1
  end
end
if made > 0 then redis.call('HINCRBY', usage, 'pending', made) end
return { made }
