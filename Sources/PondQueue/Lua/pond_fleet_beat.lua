-- A host says what it has, and hears what it should have; whoever is willing leads when nobody else does.
-- KEYS     1  the fleet, mp:fleet:{name}
-- ARGV     1  host   2  what it has (JSON)   3  lease in ms   4  'lead' when it may lead, or ''
-- returns  {now_ms, who leads or '', its token, '1' when that is this host or '0', plan (JSON) or '',
--           and for the leader alone: memory (JSON) or '', number of orders, field, text, …, number of hosts, host, seen_ms,
--           what it has, …}

-- Hosts that were silent for a lease are no members any more. When nobody was heard for so long, the server was away or
-- its clock jumped: then everybody gets the same time to speak again.
local function forget_silent(keys, now, lease)
    local newest = redis.call('ZREVRANGE', keys.seen, 0, 0, 'WITHSCORES')
    local at = newest[2] and tonumber(newest[2])
    if not at then return end
    if at < now - lease or at > now + lease then
        local all = redis.call('ZRANGE', keys.seen, 0, -1)
        for i = 1, #all do redis.call('ZADD', keys.seen, int(now), all[i]) end
        return
    end
    local silent = redis.call('ZRANGEBYSCORE', keys.seen, '-inf', int(now - lease))
    for i = 1, #silent do
        redis.call('ZREM', keys.seen, silent[i])
        redis.call('HDEL', keys.hosts, silent[i])
    end
end

local function fleet_beat(names, args)
    local keys, wrong_key = fleet_keys(names[1])
    if not keys then return wrong_key end
    local host, report, lease = args[1], args[2], whole_number(args[3])
    if not lease or lease < 1000 or host == '' or #host > 128 or #report > FLEET_REPORT_BYTES_MAX then
        return redis.error_reply('INVALID fleet beat: expected a host of at most 128 bytes, a report of at most '
            .. FLEET_REPORT_BYTES_MAX .. ' bytes and a lease of at least 1000 ms')
    end
    local now = now_ms()
    forget_silent(keys, now, lease)
    if redis.call('ZCARD', keys.seen) >= FLEET_HOSTS_MAX and not redis.call('ZSCORE', keys.seen, host) then
        return redis.error_reply('INVALID fleet beat: the fleet has ' .. FLEET_HOSTS_MAX
            .. ' hosts, which is the most; give some of them another fleet')
    end
    redis.call('ZADD', keys.seen, int(now), host)
    redis.call('HSET', keys.hosts, host, report)
    local leader, token = lead_of(keys, now)
    if args[4] == 'lead' and (leader == '' or leader == host) then
        -- Every change of hands raises the token; a plan with an older one is refused.
        if leader == '' then token = token + 1 end
        leader = host
        give_lead(keys, host, token, now, lease)
    end
    local is_leader = leader == host
    local reply = { int(now), leader, int(token), is_leader and '1' or '0', redis.call('GET', keys.plan) or '' }
    if is_leader then
        reply[#reply + 1] = redis.call('GET', keys.memory) or ''
        append_orders(keys, reply, now)
        append_hosts(keys, reply)
    end
    return reply
end

redis.register_function{ function_name = 'pond_fleet_beat', callback = fleet_beat, flags = { 'allow-oom' } }
