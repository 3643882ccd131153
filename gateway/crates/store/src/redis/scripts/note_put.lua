-- Puts a note of an owner that may have so many at once, if there is none of its name. A full Redis refuses the first write.
--
-- KEYS  1 note, 2 its owner's notes by their end
-- ARGV  1 what it says, or '' (the owner's notes are counted, and no more), 2 how long it is kept (ms), 3 how many the owner may
--       have, 4 its name
-- Gives {0, ''} when it was put, {1, note} with the one that is there, {2, count} when the owner has as many as it may.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local used = redis.call('ZCOUNT', KEYS[2], string.format('(%.0f', now), '+inf')
if ARGV[1] == '' then return { 2, used } end
local there = redis.call('GET', KEYS[1])
if there then return { 1, there } end
if used >= tonumber(ARGV[3]) then return { 2, used } end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), ARGV[4])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return { 0, '' }
