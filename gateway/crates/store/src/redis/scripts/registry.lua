#!lua flags=allow-oom
-- Changes a tenant's registry if nobody changed it first.
--
-- KEYS  1 the tenant's registry, 2 version, 3 changed tenants
-- ARGV  1 tenant, 2 expected revision; then of every change: 'set', name, bytes, or 'del', name
-- Gives the new revision, or '' when the revision is another. A revision is the version at which it was made, so it never
-- comes again, even when a tenant is removed and made anew.
local registry, version, changed = KEYS[1], KEYS[2], KEYS[3]
if (redis.call('HGET', registry, 'rev') or '0') ~= ARGV[2] then return '' end

local revision = redis.call('INCR', version)
local a = 2
while a < #ARGV do
  if ARGV[a + 1] == 'set' then
    redis.call('HSET', registry, 'e:' .. ARGV[a + 2], ARGV[a + 3])
    a = a + 3
  else
    redis.call('HDEL', registry, 'e:' .. ARGV[a + 2])
    a = a + 2
  end
end
redis.call('HSET', registry, 'rev', revision)
if redis.call('HLEN', registry) == 1 then redis.call('DEL', registry) end
redis.call('ZADD', changed, revision, ARGV[1])
return revision
