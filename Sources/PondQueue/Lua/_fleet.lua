-- A fleet: hosts that share workers, one of which leads. Its keys have a hash tag of their own, mp:fleet:{name}.

local FLEET_REPORT_BYTES_MAX = 32768
local FLEET_PLAN_BYTES_MAX = 1048576
local FLEET_HOSTS_MAX = 256
local FLEET_DECISIONS_MAX = 10000

local function fleet_keys(base)
    base = base or ''
    local name = string.match(base, '^[^{}]*:fleet:{([a-z0-9][a-z0-9._-]*)}$')
    if not name or #name > 63 then
        return nil, redis.error_reply('INVALID fleet key: got "' .. string.sub(base, 1, 100)
            .. '", expected PREFIX:fleet:{NAME} with a name of [a-z0-9][a-z0-9._-]{0,62}, as in mp:fleet:{default}')
    end
    return {
        lead = base .. ':lead', hosts = base .. ':hosts', seen = base .. ':seen', plan = base .. ':plan',
        memory = base .. ':memory', decisions = base .. ':decisions', orders = base .. ':orders',
    }
end

-- Who leads, the token that it got with the lead, and until when; '' when nobody does. A lease never reaches further
-- ahead than it was given: the clock may have been turned back since.
local function lead_of(keys, now)
    local lead = redis.call('HMGET', keys.lead, 'host', 'token', 'until_ms', 'lease_ms')
    local token, ends, lease = tonumber(lead[2] or '0'), tonumber(lead[3] or '0'), tonumber(lead[4] or '0')
    if not lead[1] or ends <= now or ends > now + lease then return '', token, 0 end
    return lead[1], token, ends
end

local function give_lead(keys, host, token, now, lease)
    redis.call('HSET', keys.lead, 'host', host, 'token', int(token), 'until_ms', int(now + lease), 'lease_ms', int(lease))
end

-- Orders that still count, as field and text alternating; a text begins with the time until which it counts.
local function append_orders(keys, reply, now)
    local orders = redis.call('HGETALL', keys.orders)
    local at, found = #reply + 1, 0
    reply[at] = '0'
    for i = 1, #orders, 2 do
        local ends = tonumber(string.match(orders[i + 1], '^(%d+) ') or '0')
        if ends > now then
            reply[#reply + 1] = orders[i]
            reply[#reply + 1] = orders[i + 1]
            found = found + 1
        end
    end
    reply[at] = int(found)
end

-- The hosts that are there, three texts each: name, when it was last seen, what it said.
local function append_hosts(keys, reply)
    local seen = redis.call('ZRANGE', keys.seen, 0, FLEET_HOSTS_MAX - 1, 'WITHSCORES')
    reply[#reply + 1] = int(#seen / 2)
    for i = 1, #seen, 2 do
        reply[#reply + 1] = seen[i]
        reply[#reply + 1] = int(tonumber(seen[i + 1]))
        reply[#reply + 1] = redis.call('HGET', keys.hosts, seen[i]) or ''
    end
end
