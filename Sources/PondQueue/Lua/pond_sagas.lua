-- Lists sagas of one state, newest first, a page a call, or those that have not ended, or counts all states.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  a state, or 'unended', 'unscheduled', or '' for the counts   2  how many to leave out, 0 for the words
--          3  how many at most, 1 to 500
-- returns  of a state {id, since_ms, kind, reason, id, since_ms, …}; of '' {state, count, state, count, …}, and behind them
--          'overdue_ms' and for how long the time of one that waits has been over; nothing when there is no saga
--          of 'unscheduled' {id, …}: those that wait and are in no list of times, so that nobody wakes them
--          of 'unended' {id, state, since_ms, kind, reason, step, due_ms, …}: stuck, paused, undoing, waiting and running ones,
--          each newest first; the step is the one that is undone or waited for, due_ms when a time wakes it, '' for unknown

local PAGE_MAX = 500

local function counts(keys)
    local reply = {}
    if not saga.any(keys) then return reply end
    for state in pairs(saga.RANK) do
        local first, last = saga.span(state)
        reply[#reply + 1], reply[#reply + 2] = state, int(redis.call('ZCOUNT', keys.sagas, first, last))
    end
    local due = tonumber(saga.next_due(keys))
    reply[#reply + 1], reply[#reply + 2] = 'overdue_ms', due > 0 and int(math.max(0, now_ms() - due)) or '0'
    return reply
end

local URGENCY = { 'stuck', 'paused', 'undoing', 'waiting', 'running' }

local function add_unended(keys, id, state, reply)
    local header = redis.call('HMGET', keys.saga .. id, 'since_ms', 'kind', 'reason', 'waits', 'undoing')
    if not header[1] then return end
    local due = tonumber(redis.call('ZSCORE', keys.waits, id) or '0')
    local words = {
        id, state, header[1], header[2] or '', header[3] or '', header[5] or saga.waited_for(header[4])[1] or '',
        due > 0 and due < saga.NEVER and int(due) or '',
    }
    for i = 1, #words do reply[#reply + 1] = words[i] end
end

local function unended(keys, limit)
    local reply, left = {}, limit
    if not saga.any(keys) then return reply end
    for i = 1, #URGENCY do
        local first, last = saga.span(URGENCY[i])
        local ids = left > 0 and redis.call('ZRANGE', keys.sagas, last, first, 'BYSCORE', 'REV', 'LIMIT', 0, int(left)) or {}
        for place = 1, #ids do add_unended(keys, ids[place], URGENCY[i], reply) end
        left = left - #ids
    end
    return reply
end

local SCANNED_AT_ONCE = 100

local function unscheduled(keys, limit)
    local reply, cursor = {}, '0'
    if redis.call('HLEN', keys.waiting) <= redis.call('ZCARD', keys.waits) then return reply end
    repeat
        local page = redis.call('HSCAN', keys.waiting, cursor, 'COUNT', SCANNED_AT_ONCE)
        cursor = page[1]
        for i = 1, #page[2], 2 do
            local id = page[2][i]
            if #reply < limit and not redis.call('ZSCORE', keys.waits, id) then reply[#reply + 1] = id end
        end
    until cursor == '0' or #reply >= limit
    return reply
end

local function list(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local state, skipped, limit = args[1] or '', whole_number(args[2]), whole_number(args[3])
    if state == '' then return counts(keys) end
    if not (saga.RANK[state] or state == 'unended' or state == 'unscheduled') or not skipped or not limit or limit < 1 or limit > PAGE_MAX then
        return redis.error_reply('INVALID page: expected a state, how many to leave out and a limit of 1 to ' .. PAGE_MAX)
    end
    if state == 'unended' then return unended(keys, limit) end
    if state == 'unscheduled' then return unscheduled(keys, limit) end
    local first, last = saga.span(state)
    local ids = redis.call('ZRANGE', keys.sagas, last, first, 'BYSCORE', 'REV', 'LIMIT', int(skipped), int(limit))
    local reply = {}
    for i = 1, #ids do
        local header = redis.call('HMGET', keys.saga .. ids[i], 'since_ms', 'kind', 'reason')
        -- One that ended an hour ago may still be on the list.
        if header[1] then
            for _, word in ipairs({ ids[i], header[1], header[2] or '', header[3] or '' }) do reply[#reply + 1] = word end
        end
    end
    return reply
end

redis.register_function{ function_name = 'pond_sagas', callback = list, flags = { 'no-writes' } }
