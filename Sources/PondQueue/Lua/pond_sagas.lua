-- Lists sagas of one state, newest first, a page a call, or counts all states.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  a state, or '' for the counts   2  how many to leave out   3  how many at most, 1 to 500
-- returns  of a state {id, since_ms, kind, reason, id, since_ms, …}; of '' {state, count, state, count, …}

local PAGE_MAX = 500

local function counts(keys)
    local reply = {}
    for state in pairs(saga.RANK) do
        local first, last = saga.span(state)
        reply[#reply + 1], reply[#reply + 2] = state, int(redis.call('ZCOUNT', keys.sagas, first, last))
    end
    return reply
end

local function list(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local state, skipped, limit = args[1] or '', whole_number(args[2]), whole_number(args[3])
    if state == '' then return counts(keys) end
    if not saga.RANK[state] or not skipped or not limit or limit < 1 or limit > PAGE_MAX then
        return redis.error_reply('INVALID page: expected a state, how many to leave out and a limit of 1 to ' .. PAGE_MAX)
    end
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
