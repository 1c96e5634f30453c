-- How much water is in the pond.
-- KEYS     1  the queue, mp:{q}
-- ARGV     none
-- returns  {'ready', n, 'in_flight', n, 'held', n, 'dead', n, 'oldest_ready_ms', age, 'next_due_ms', time or 0,
--           'added', entries added ever, 'workers', alive, 'paused', 0|1, 'done', n, 'dropped', n, 'now_ms', time,
--           'fault', '' or what is wrong with a key of the queue, 'duplicates', n, 'duplicates_of_dead', n, 'waiting', n,
--           'limited', n}

-- Keys that hold no job, but stop jobs all the same when something of another type sits there.
local OTHER_KEYS = { moved = 'HLEN', cancel = 'HLEN', workers = 'HLEN', journal = 'XLEN', bell = 'XLEN' }

local function append_facts(reply, facts)
    for i = 1, #facts do reply[#reply + 1] = facts[i] end
end

local COUNTS_AT_FIRST = 4   -- who reads the answer by places must find them there; what came later is at the end

local function depth(names)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now, added = now_ms(), 0
    local total = places.measure(keys, now)
    for i = 1, #CODES do added = added + entries_added(keys[CODES[i]]) end
    for name, command in pairs(OTHER_KEYS) do checked(total, keys[name], command, keys[name]) end
    local due = total.held > 0 and next_due(keys) or '0'
    if total.waiting > 0 then due = saga.earlier(due, saga.next_due(keys)) end
    local alive = checked(total, keys.beats, 'ZCOUNT', keys.beats, int(now - WORKER_ALIVE_MS), '+inf')
    local meta = redis.pcall('HMGET', keys.meta, 'paused_ms', 'done', 'dropped', 'duplicates', 'duplicates_of_dead')
    if is_error(meta) then
        total.fault = keys.meta .. ': ' .. meta.err
        meta = {}
    end
    local reply = {}
    places.append_counts(reply, total, 1, COUNTS_AT_FIRST)
    append_facts(reply, {
        'oldest_ready_ms', int(total.age), 'next_due_ms', due, 'added', int(added), 'workers', int(alive),
        'paused', meta[1] and '1' or '0', 'done', meta[2] or '0', 'dropped', meta[3] or '0', 'now_ms', int(now),
        'fault', total.fault, 'duplicates', meta[4] or '0', 'duplicates_of_dead', meta[5] or '0',
    })
    places.append_counts(reply, total, COUNTS_AT_FIRST + 1, #places.STATES)
    return reply
end

redis.register_function{ function_name = 'pond_depth', callback = depth, flags = { 'no-writes' } }
