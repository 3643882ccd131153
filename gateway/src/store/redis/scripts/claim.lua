#!lua flags=allow-oom
-- Leases deliveries of one shard that are due.
--
-- KEYS  1 due set
-- ARGV  1 how many at most (0 to 500), 2 lease in µs
-- Gives {now, token, score of the first entry afterwards or '', member, its score before, member, its score before, ...}:
-- times in µs, members the longest due first.
--
-- The new score is when the lease ends, and so the token. Whoever comes while it lasts does not find the delivery; when
-- it ends, anybody does.
local due = KEYS[1]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local token = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[2])

local members = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
if #members > 0 then
  local scores = {}
  for i = 1, #members, 2 do
    scores[i] = token
    scores[i + 1] = members[i]
  end
  redis.call('ZADD', due, 'XX', unpack(scores))
end

local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return { now, token, first[2] and string.format('%.0f', first[2]) or '', unpack(members) }
