-- How much water is in the pond.
-- KEYS     1  the queue, mp:{q}
-- ARGV     none
-- returns  {'ready', n, 'in_flight', n, 'held', n, 'dead', n, 'oldest_ready_ms', age, 'next_due_ms', time or 0,
--           'added', entries added ever, 'workers', alive, 'paused', 0|1, 'done', n, 'dropped', n, 'now_ms', time,
--           'fault', '' or what is wrong with a key of the queue}

local WORKER_ALIVE_MS = 4000

local function oldest_age(key, last_delivered, now)
    local first = redis.pcall('XRANGE', key, '(' .. last_delivered, '+', 'COUNT', 1)
    if is_error(first) or not first[1] then return 0 end
    return math.max(0, now - tonumber(string.match(first[1][1], '^(%d+)')))
end

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

-- Keys that are not measured, but stop jobs all the same when something of another type sits there.
local function check_other_keys(keys, total)
    for _, name in ipairs({ 'held', 'moved', 'cancel', 'causes', 'workers' }) do
        checked(total, keys[name], 'HLEN', keys[name])
    end
    checked(total, keys.dead_at, 'ZCARD', keys.dead_at)
    checked(total, keys.journal, 'XLEN', keys.journal)
    checked(total, keys.bell, 'XLEN', keys.bell)
end

local function depth(names)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local total = { ready = 0, in_flight = 0, age = 0, added = 0, fault = '' }
    for i = 1, #LETTERS do
        measure_stream(keys, LETTERS[i], now, total)
        total.added = total.added + entries_added(keys[LETTERS[i]])
    end
    check_other_keys(keys, total)
    local held = checked(total, keys.due, 'ZCARD', keys.due)
    local due = held > 0 and next_due(keys) or '0'
    local dead = checked(total, keys.dead, 'HLEN', keys.dead)
    local alive = checked(total, keys.beats, 'ZCOUNT', keys.beats, int(now - WORKER_ALIVE_MS), '+inf')
    local meta = redis.pcall('HMGET', keys.meta, 'paused_ms', 'done', 'dropped')
    if is_error(meta) then
        total.fault = keys.meta .. ': ' .. meta.err
        meta = {}
    end
    return {
        'ready', int(total.ready), 'in_flight', int(total.in_flight), 'held', int(held), 'dead', int(dead),
        'oldest_ready_ms', int(total.age), 'next_due_ms', due, 'added', int(total.added), 'workers', int(alive),
        'paused', meta[1] and '1' or '0', 'done', meta[2] or '0', 'dropped', meta[3] or '0', 'now_ms', int(now),
        'fault', total.fault,
    }
end

redis.register_function{ function_name = 'pond_depth', callback = depth, flags = { 'no-writes' } }
