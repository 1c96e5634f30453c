-- How much water is in the pond: what pond_depth and pond_scale both measure.

local WORKER_ALIVE_MS = 4000

local function oldest_age(key, last_delivered, now)
    local first = redis.pcall('XRANGE', key, '(' .. last_delivered, '+', 'COUNT', 1)
    if is_error(first) or not first[1] then return 0 end
    return math.max(0, now - tonumber(string.match(first[1][1], '^(%d+)')))
end

-- Never by the group's lag: one entry that was deleted undelivered makes Redis forget it until the group drains.
local function measure_stream(keys, letter, now, total)
    local key = keys[letter]
    local length = redis.pcall('XLEN', key)
    if is_error(length) then
        total.fault = key .. ': ' .. length.err
        return
    end
    local info = group_info(key)
    local pending = info and info.pending or 0
    total.in_flight = total.in_flight + pending
    total.ready = total.ready + math.max(0, length - pending)
    if length == 0 then return end
    total.age = math.max(total.age, oldest_age(key, info and info['last-delivered-id'] or '0-0', now))
end

-- Entries ever added; a stream that does not exist has none.
local function entries_added(key)
    local info = redis.pcall('XINFO', 'STREAM', key)
    if is_error(info) then return 0 end
    return pairs_of(info)['entries-added'] or 0
end

local function checked(total, name, ...)
    local reply = redis.pcall(...)
    if not is_error(reply) then return reply end
    total.fault = name .. ': ' .. reply.err
    return 0
end
