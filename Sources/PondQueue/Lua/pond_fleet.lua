-- All that is known of a fleet.
-- KEYS     1  the fleet, mp:fleet:{name}
-- ARGV     none
-- returns  {now_ms, who leads or '', its token, until when in ms or 0, plan (JSON) or '', number of orders, field, text, …,
--           number of hosts, host, seen_ms, what it has, …}

local function fleet(names)
    local keys, wrong_key = fleet_keys(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local leader, token, ends = lead_of(keys, now)
    local reply = { int(now), leader, int(token), int(ends), redis.call('GET', keys.plan) or '' }
    append_orders(keys, reply, now)
    append_hosts(keys, reply)
    return reply
end

redis.register_function{ function_name = 'pond_fleet', callback = fleet, flags = { 'no-writes' } }
