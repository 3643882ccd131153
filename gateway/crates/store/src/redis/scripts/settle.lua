#!lua flags=allow-oom
-- Ends or prolongs leases of one shard, in order.
--
-- KEYS  1 turns; then the endpoints' due sets, the usage of each one's tenant, and its attempt log; then of every item its event; then, of an item that is 'dead', the tenant's dead letters; then, of one that
--       is counted, the subscription's statistics
-- ARGV  1 how many endpoints, 2 how long attempt logs may be; then of every endpoint TENANT|TARGET; then of every item:
--       what, which endpoint (from 1), member, token, TARGET|RUN, when the attempt began (µs) or '' without one, and with one its record;
--       and then by what it is
--         done, dead, cancelled, shadowed, release  nothing more
--         retry   when (µs), body or ''
--         extend  until when (µs)
--       and then the field that the attempt is counted in or '', and with one the field that a delivery given up is counted in
--       or '', the field for the last such attempt and its value, from when on buckets are of use (ms), and for how long they
--       are kept (s);
--       and last what the attempt log has of it, or ''
-- Gives of every item 0: no such delivery waits, 1: somebody else holds the lease, 2: done, or the new token.
--
-- The score is the token. A success counts whoever holds the lease; everything else needs it, but for an extension that was
-- made already: its reply may be lost. Nothing is written of a delivery that does not wait: its event may be gone, and would
-- come back as one without content.
--
-- An endpoint's turn is never later than its first delivery, but for a hold, and not earlier than need be.
local turns, endpoints = KEYS[1], tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local k, a = 1 + 3 * endpoints, 2 + endpoints

local function key() k = k + 1 return KEYS[k] end
local function arg() a = a + 1 return ARGV[a] end
local function micros(n) return string.format('%.0f', n) end

-- Writes the attempt, if there is one, and how the delivery stands: 'STATE MADE FIRST', where STATE is P (pending), or
-- D (delivered), X (dead), C (cancelled) or S (shadowed) with its time. Attempts are counted here: two processes may have made one each
-- with the same number. What interrupted.lua counted of crashes ends with it.
local function stand(event, part, state, attempt)
  local made, first = 0, ''
  local before = redis.call('HGET', event, 'd:' .. part)
  if before then
    made, first = string.match(before, '^%S+ (%d+) (%d*)')
    made = tonumber(made)
  end
  if not attempt then
    redis.call('HSET', event, 'd:' .. part, state .. ' ' .. made .. ' ' .. first)
    return
  end
  if first == '' then first = attempt.started end
  made = made + 1
  redis.call('HSET', event, 'd:' .. part, state .. ' ' .. made .. ' ' .. first,
    'a:' .. part .. '|' .. made, attempt.record)
end

-- What is counted, by the statistics' key: each is written once, however many of its attempts there are.
local counted = {}

local function count(stats, c)
  local of = counted[stats]
  if not of then
    of = { cells = {}, last = {} }
    counted[stats] = of
  end
  of.cells[c.field] = (of.cells[c.field] or 0) + 1
  if c.dead ~= '' then of.cells[c.dead] = (of.cells[c.dead] or 0) + 1 end
  of.last[c.last] = c.value
  of.from, of.keep = tonumber(c.from), c.keep
end

-- Adds what was counted. When a field is new, those that are of no more use go, and all of them later if nothing follows.
local function write_counted()
  for stats, of in pairs(counted) do
    local new = false
    for field, n in pairs(of.cells) do
      if redis.call('HINCRBY', stats, field, n) == n then new = true end
    end
    for field, value in pairs(of.last) do redis.call('HSET', stats, field, value) end
    if new then
      for _, field in ipairs(redis.call('HKEYS', stats)) do
        local start = string.match(field, '^(%d+):')
        if start and tonumber(start) < of.from then redis.call('HDEL', stats, field) end
      end
      redis.call('EXPIRE', stats, of.keep)
    end
  end
end

-- The lowest new score of each endpoint.
local lowest = {}

local function rescore(endpoint, member, score)
  redis.call('ZADD', KEYS[1 + endpoint], score, member)
  local n = tonumber(score)
  if not lowest[endpoint] or n < lowest[endpoint] then lowest[endpoint] = n end
end

local function set_turns()
  for i = 1, endpoints do
    local turn = ARGV[2 + i]
    local first = redis.call('ZRANGE', KEYS[1 + i], 0, 0, 'WITHSCORES')[2]
    if first then
      if lowest[i] then redis.call('ZADD', turns, 'LT', micros(lowest[i]), turn) end
      redis.call('ZADD', turns, 'XX', 'GT', micros(first), turn)
    else
      redis.call('ZREM', turns, turn)
    end
  end
end

-- Deliveries that ended, by endpoint.
local ended = {}

local function finish(endpoint, member)
  if redis.call('ZREM', KEYS[1 + endpoint], member) == 0 then return false end
  ended[endpoint] = (ended[endpoint] or 0) + 1
  return true
end

-- What an older version stored is not counted: a sum never falls below nothing.
local function write_ended()
  for endpoint, count in pairs(ended) do
    local usage = KEYS[1 + endpoints + endpoint]
    if redis.call('HINCRBY', usage, 'pending', -count) < 0 then redis.call('HSET', usage, 'pending', 0) end
  end
end

-- In the order of the settlements, which the ids of a stream tell.
local function log(endpoint, record)
  if record == '' then return end
  redis.call('XADD', KEYS[1 + 2 * endpoints + endpoint], 'MAXLEN', '~', ARGV[2], '*', 'a', record)
end

local results = {}
while a < #ARGV do
  local what, endpoint, member, token, part = arg(), tonumber(arg()), arg(), arg(), arg()
  local due = KEYS[1 + endpoint]
  local event = key()
  local attempt
  local started = arg()
  if started ~= '' then attempt = { started = started, record = arg() } end
  local at, body, ends, dead
  if what == 'retry' then at, body = arg(), arg() end
  if what == 'extend' then ends = arg() end
  if what == 'dead' then dead = key() end
  local stats, c
  local field = arg()
  if field ~= '' then
    stats = key()
    c = { field = field, dead = arg(), last = arg(), value = arg(), from = arg(), keep = arg() }
  end
  local logged = arg()

  if what == 'done' then
    if finish(endpoint, member) then
      stand(event, part, 'D' .. micros(now), attempt)
      if c then count(stats, c) end
      log(endpoint, logged)
      results[#results + 1] = '2'
    else
      results[#results + 1] = '0'
    end
  else
    local score = redis.call('ZSCORE', due, member)
    if not score then
      results[#results + 1] = '0'
    elseif tonumber(score) ~= tonumber(token) and tonumber(score) ~= tonumber(ends or token) then
      results[#results + 1] = '1'
    else
      local result = '2'
      if what == 'dead' then
        finish(endpoint, member)
        redis.call('ZADD', dead, micros(now), member)
        stand(event, part, 'X' .. micros(now), attempt)
      elseif what == 'cancelled' then
        finish(endpoint, member)
        stand(event, part, 'C' .. micros(now), attempt)
      elseif what == 'shadowed' then
        finish(endpoint, member)
        stand(event, part, 'S' .. micros(now), attempt)
      elseif what == 'retry' then
        rescore(endpoint, member, at)
        if attempt then stand(event, part, 'P', attempt) end
        if body ~= '' then redis.call('HSET', event, 'b:' .. part, body) end
      elseif what == 'release' then
        rescore(endpoint, member, micros(now))
      elseif what == 'extend' then
        result = ends
        rescore(endpoint, member, ends)
      end
      if c then count(stats, c) end
      log(endpoint, logged)
      results[#results + 1] = result
    end
  end
end
write_counted()
write_ended()
set_turns()
return results
