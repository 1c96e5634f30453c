-- A host leaves its fleet, and gives the lead back when it has it, so that nobody waits for its lease.
-- KEYS     1  the fleet, mp:fleet:{name}
-- ARGV     1  host
-- returns  'left', or 'unknown' when it was no member

local function fleet_leave(names, args)
    local keys, wrong_key = fleet_keys(names[1])
    if not keys then return wrong_key end
    if not args[1] then return redis.error_reply('INVALID fleet leave: expected a host') end
    if lead_of(keys, now_ms()) == args[1] then redis.call('HDEL', keys.lead, 'host') end
    redis.call('HDEL', keys.hosts, args[1])
    return redis.call('ZREM', keys.seen, args[1]) == 1 and 'left' or 'unknown'
end

redis.register_function{ function_name = 'pond_fleet_leave', callback = fleet_leave, flags = { 'allow-oom' } }
