#!lua flags=allow-oom
-- Leases due deliveries of endpoints of one shard, and sets the endpoints' next turns.
--
-- KEYS  1 turns; then of every endpoint its due set
-- ARGV  1 lease in µs; then of every endpoint: TENANT|TARGET, how many at most (0 to 500), its hold in µs
-- Gives {now, token, the first turn afterwards or ''}, times in µs, and then of every endpoint
-- {1 or 0: has it more that are due, member, its score before, member, its score before, ...}: members the longest due first.
--
-- The new score is when the lease ends, and so the token. Whoever comes while it lasts does not find the delivery; when
-- it ends, anybody does. This is also where an endpoint without deliveries is taken out of the turns.
local turns = KEYS[1]
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2]
local function micros(n) return string.format('%.0f', n) end
local now, token = micros(at), micros(at + ARGV[1])

local results = { now, token, '' }
for i = 2, #KEYS do
  local due, a = KEYS[i], 3 * (i - 2) + 1
  local turn, most, hold = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local members = {}
  if most ~= '0' then
    members = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
  end
  if #members > 0 then
    local scores = {}
    for n = 1, #members, 2 do
      scores[n] = token
      scores[n + 1] = members[n]
    end
    redis.call('ZADD', due, 'XX', unpack(scores))
  end
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  local more = 0
  if first then
    first = tonumber(first)
    local next = first
    if first <= at then
      more = 1
      next = at + hold
    end
    redis.call('ZADD', turns, micros(next), turn)
  else
    redis.call('ZREM', turns, turn)
  end
  results[#results + 1] = { more, unpack(members) }
end

local first = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')[2]
if first then results[3] = micros(first) end
return results
