#!lua flags=allow-oom
-- Counts crashes of deliveries of one shard whose attempt was under way when its process ended, and ends their leases.
--
-- KEYS  1 turns; then of every delivery its endpoint's due set and its event
-- ARGV  of every delivery: its endpoint (TENANT|TARGET), member, TARGET|RUN, attempts made before, token
-- Gives how many were counted. One that does not wait any more, or of which an attempt was recorded since, is not; and a
-- lease counts once.
local turns = KEYS[1]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local counted = 0
for i = 0, #ARGV / 5 - 1 do
  local due, event, a = KEYS[2 + 2 * i], KEYS[3 + 2 * i], 5 * i
  local turn, member, part = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local attempts, token = tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local score = redis.call('ZSCORE', due, member)
  -- An event that is gone would come back as one without content.
  if score and redis.call('HEXISTS', event, 'e') == 1 then
    local made, first, crashes, last = '0', '', '0', '0'
    local before = redis.call('HGET', event, 'd:' .. part)
    if before then
      made, first = string.match(before, '^%S+ (%d+) (%d*)')
      local c, l = string.match(before, '^%S+ %d+ %d* (%d+) (%d+)$')
      if c then crashes, last = c, l end
    end
    if tonumber(made) == attempts and tonumber(last) < token then
      local standing = 'P ' .. made .. ' ' .. first .. ' ' .. (tonumber(crashes) + 1)
      redis.call('HSET', event, 'd:' .. part, standing .. ' ' .. string.format('%.0f', token))
      if tonumber(score) == token then
        redis.call('ZADD', due, now, member)
        redis.call('ZADD', turns, 'LT', now, turn)
      end
      counted = counted + 1
    end
  end
end
return counted
