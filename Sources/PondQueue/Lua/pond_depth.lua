-- How much water is in the pond.
-- KEYS     1  the queue, mp:{q}
-- ARGV     none
-- returns  {'ready', n, 'in_flight', n, 'held', n, 'dead', n, 'oldest_ready_ms', age, 'next_due_ms', time or 0,
--           'added', entries added ever, 'workers', alive, 'paused', 0|1, 'done', n, 'dropped', n, 'now_ms', time,
--           'fault', '' or what is wrong with a key of the queue}

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
