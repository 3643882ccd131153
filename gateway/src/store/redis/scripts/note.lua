#!lua flags=allow-oom
-- Replaces a note, or removes it, if it still says what is expected.
--
-- KEYS  1 note
-- ARGV  1 what is expected, 2 what it says from now on or '' (it goes), 3 how long it is kept then (ms)
-- Gives 1 when it was replaced, 0 when it says something else or is gone.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
