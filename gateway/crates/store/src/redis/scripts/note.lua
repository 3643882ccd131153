#!lua flags=allow-oom
-- Replaces a note, or removes it, if it still says what is expected.
--
-- KEYS  1 note, 2 its owner's notes by their end, where they are counted
-- ARGV  1 what is expected, 2 what it says from now on or '' (it goes), 3 how long it is kept then (ms), 4 its name
-- Gives 1 when it was replaced, 0 when it says something else or is gone.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  if KEYS[2] then redis.call('ZREM', KEYS[2], ARGV[4]) end
  return 1
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if KEYS[2] then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]), ARGV[4])
  if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
end
return 1
