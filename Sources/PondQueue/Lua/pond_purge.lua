-- Cancels jobs that wait, a batch a call: of a ready stream those that no worker has, what a limit holds among them, or the held. What is in flight goes
-- on, and the dead stay.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  'ready' or 'held'   2  how many at most, 1 to 256
-- returns  {how many were cancelled, 1 while there may be more, else 0}

local PURGE_MAX = 256
local ENTRIES_AT_ONCE = 8   -- a payload may have a MiB

-- Returns how many it took: none when the job is cancelled already, and undoes what it did.
local function purge_entry(keys, code, entry, fields, now, events)
    local id = job_id(keys, code, entry, fields)
    if field(fields, 'phase') == 'undo' then return 0 end
    if saga.turns(keys, id, fields, 'cancelled', 'purged', now, events) then
        redis.call('XDEL', keys[code], entry)
        return 1
    end
    free_key(keys, fields, id)
    unpoint(keys, id, code, entry)
    redis.call('XDEL', keys[code], entry)
    note(events, 'cancelled', id)
    note_facts(events, id, fields)
    joins.job_ended(keys, id, fields, 'cancelled', now, events)
    return 1
end

-- What a limit holds is ready, too, but it was delivered.
local function purge_limited(keys, limit, now, events)
    local some = limit > 0 and redis.call('HRANDFIELD', keys.limited, limit) or {}
    local taken = 0
    for i = 1, #some do
        local code, entry = string.sub(some[i], 1, 1), string.sub(some[i], 2)
        local fields = SUFFIX[code] and entry_fields(keys[code], entry)
        local went = fields and purge_entry(keys, code, entry, fields, now, events) or 0
        if went == 1 then
            lanes.forget(keys, code, entry)
            redis.call('XACK', keys[code], GROUP, entry)
        end
        taken = taken + went
    end
    return taken
end

local function purge_ready(keys, limit, now, events)
    local left = limit
    for i = 1, #CODES do
        local code = CODES[i]
        local info, wrong_type = group_info(keys[code])
        if wrong_type then return nil, wrong_type end
        -- What lies before the group's place has been handed to a worker.
        local after = '(' .. (info and info['last-delivered-id'] or '0-0')
        while left > 0 do
            local entries = redis.call('XRANGE', keys[code], after, '+', 'COUNT', math.min(ENTRIES_AT_ONCE, left))
            if #entries == 0 then break end
            for j = 1, #entries do
                left = left - purge_entry(keys, code, entries[j][1], entries[j][2], now, events)
            end
            after = '(' .. entries[#entries][1]
        end
    end
    left = left - purge_limited(keys, left, now, events)
    return limit - left, left == 0
end

local function purge_one_held(keys, id, now, events)
    local packed = redis.call('HGET', keys.held, id)
    local ok, fields = pcall(cmsgpack.unpack, packed or '')
    if ok and type(fields) == 'table' then
        if field(fields, 'phase') == 'undo' then return 0 end
        if saga.turns(keys, id, fields, 'cancelled', 'purged', now, events) then
            end_held(keys, id)
            return 1
        end
        free_key(keys, fields, id)
        note_facts(events, id, fields)
        joins.job_ended(keys, id, fields, 'cancelled', now, events)
    end
    end_held(keys, id)
    note(events, 'cancelled', id)
    return 1
end

local function purge_held(keys, limit, now, events)
    local ids = redis.call('ZRANGE', keys.due, 0, limit - 1)
    local taken = 0
    for i = 1, #ids do taken = taken + purge_one_held(keys, ids[i], now, events) end
    -- Should nothing but what is being undone be held, a caller must not come back for ever.
    return taken, #ids == limit and taken > 0
end

local function purge(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local limit = whole_number(args[2])
    if not limit or limit < 1 or limit > PURGE_MAX then
        return redis.error_reply('INVALID limit: got "' .. string.sub(args[2] or '', 1, 100)
            .. '", allowed is 1 to ' .. PURGE_MAX)
    end
    local places = { ready = purge_ready, held = purge_held }
    local place = places[args[1] or '']
    if not place then
        return redis.error_reply('INVALID place: got "' .. string.sub(args[1] or '', 1, 100)
            .. '", allowed is ready or held')
    end
    local events = {}
    local count, more = place(keys, limit, now_ms(), events)
    if not count then return redis.error_reply(more) end
    write_journal(keys, '', events)
    return { count, more and 1 or 0 }
end

redis.register_function{ function_name = 'pond_purge', callback = purge, flags = { 'allow-oom' } }
