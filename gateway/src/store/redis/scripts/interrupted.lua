#!lua flags=allow-oom
-- Counts crashes of deliveries of one shard whose attempt was under way when its process ended, and ends their leases.
--
-- KEYS  1 due set; then the event of every delivery
-- ARGV  of every delivery: member, TARGET|RUN, attempts made before, token
-- Gives how many were counted. One that does not wait any more, or of which an attempt was recorded since, is not; and a
-- lease counts once.
local due = KEYS[1]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local counted = 0
for i = 2, #KEYS do
  local event, a = KEYS[i], 4 * (i - 2)
  local member, part, attempts, token = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
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
      if tonumber(score) == token then redis.call('ZADD', due, now, member) end
      counted = counted + 1
    end
  end
end
return counted
