-- A person overrules the law for a while, or ends that.
-- KEYS     1  the fleet, mp:fleet:{name}
-- ARGV     1  what it is about: 'fleet', or 'queue:' and a queue   2  for how many ms, 0 ends the order   3  the order (JSON)
-- returns  {'set', until_ms}, or {'removed' or 'none', '0'}

local ORDER_BYTES_MAX = 4096
local ORDERS_MAX = 1024
local ORDER_MS_MAX = 2592000000   -- 30 days: an order that nobody remembers must end

local function drop_ended(keys, now)
    local orders = redis.call('HGETALL', keys.orders)
    for i = 1, #orders, 2 do
        local ends = tonumber(string.match(orders[i + 1], '^(%d+) ') or '0')
        if ends <= now then redis.call('HDEL', keys.orders, orders[i]) end
    end
end

local function fleet_order(names, args)
    local keys, wrong_key = fleet_keys(names[1])
    if not keys then return wrong_key end
    local field, lasts, order = args[1], whole_number(args[2]), args[3] or ''
    if not lasts or lasts > ORDER_MS_MAX or #order > ORDER_BYTES_MAX
        or not (field == 'fleet' or string.find(field, '^queue:[a-z0-9][a-z0-9._-]*$')) then
        return redis.error_reply('INVALID fleet order: expected fleet or queue:NAME, at most ' .. ORDER_MS_MAX
            .. ' ms, and at most ' .. ORDER_BYTES_MAX .. ' bytes')
    end
    if lasts == 0 then
        return { redis.call('HDEL', keys.orders, field) == 1 and 'removed' or 'none', '0' }
    end
    local now = now_ms()
    drop_ended(keys, now)
    if redis.call('HLEN', keys.orders) >= ORDERS_MAX and redis.call('HEXISTS', keys.orders, field) == 0 then
        return redis.error_reply('INVALID fleet order: ' .. ORDERS_MAX .. ' orders are in force, which is the most')
    end
    local ends = int(now + lasts)
    redis.call('HSET', keys.orders, field, ends .. ' ' .. order)
    return { 'set', ends }
end

redis.register_function{ function_name = 'pond_fleet_order', callback = fleet_order, flags = { 'allow-oom' } }
