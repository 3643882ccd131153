#!lua flags=allow-oom
-- Tells whose turn it is in one shard. Writes nothing.
--
-- KEYS  1 turns
-- ARGV  1 how many at most
-- Gives {now, the first turn or '', turn, turn, ...}: times in µs, the longest waiting first.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local turns = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
return { now, first[2] and string.format('%.0f', first[2]) or '', unpack(turns) }
