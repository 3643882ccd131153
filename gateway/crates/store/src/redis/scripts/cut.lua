#!lua flags=allow-oom
-- Cuts the oldest entries of a tenant's feed, and says so to whoever reads it. A script, because a full Redis refuses
-- transactions.
--
-- KEYS  1 feed, 2 last removed positions by tenant
-- ARGV  1 tenant, 2 the last position to remove, 3 the first to keep
redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
