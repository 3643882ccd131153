#!lua flags=allow-oom
-- Takes deliveries out of their due sets whose event is gone.
--
-- KEYS  of every delivery its endpoint's due set and its tenant's usage
-- ARGV  of every delivery its member
for i, member in ipairs(ARGV) do
  local due, usage = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('ZREM', due, member) == 1 and redis.call('HINCRBY', usage, 'pending', -1) < 0 then
    redis.call('HSET', usage, 'pending', 0)
  end
end
