-- Ready streams and their group.

-- The group begins at 0, never at the end: what was added before the group existed must be delivered too.
local function ensure_group(key)
    local reply = redis.pcall('XGROUP', 'CREATE', key, GROUP, '0', 'MKSTREAM')
    if is_error(reply) and not string.find(reply.err, '^BUSYGROUP') then return reply.err end
    return nil
end

-- XREADGROUP that makes the stream and its group when they are missing. Returns entries, or nil and the error.
local function read_new(key, consumer, limit)
    for _ = 1, 2 do
        local reply = redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', limit, 'STREAMS', key, '>')
        if not is_error(reply) then return reply and reply[1] and reply[1][2] or {} end
        if not string.find(reply.err, '^NOGROUP') then return nil, reply.err end
        local failed = ensure_group(key)
        if failed then return nil, failed end
    end
    return {}
end

-- Field/value pairs of an XINFO reply as a table.
local function pairs_of(flat)
    local result = {}
    for i = 1, #flat, 2 do result[flat[i]] = flat[i + 1] end
    return result
end

-- The group's counters, nil when there is no such stream or group, or nil and the error when the key is no stream.
local function group_info(key)
    local groups = redis.pcall('XINFO', 'GROUPS', key)
    if is_error(groups) then
        if string.find(groups.err, 'no such key') then return nil end
        return nil, groups.err
    end
    for i = 1, #groups do
        local info = pairs_of(groups[i])
        if info.name == GROUP then return info end
    end
    return nil
end

-- Entries that this consumer owns in a range, as a set. A missing group owns nothing.
local function owned_in(key, consumer, first, last)
    local owned = {}
    local reply = redis.pcall('XPENDING', key, GROUP, first, last, 10000, consumer)
    if is_error(reply) then return owned end
    for i = 1, #reply do owned[reply[i][1]] = true end
    return owned
end

local function entry_fields(key, entry)
    local found = redis.call('XRANGE', key, entry, entry)
    return found[1] and found[1][2] or nil
end

local function forget_entries(key, entries)
    if #entries == 0 then return end
    redis.call('XACK', key, GROUP, unpack(entries))
    redis.call('XDEL', key, unpack(entries))
end

local function pending_of(key, consumer)
    local reply = redis.pcall('XPENDING', key, GROUP, '-', '+', 1, consumer)
    return is_error(reply) and 0 or #reply
end

-- Removes a consumer that has nothing in flight. Deleting one that has would lose its jobs, so that is refused.
local function remove_consumer(keys, consumer)
    for i = 1, #LETTERS do
        if pending_of(keys[LETTERS[i]], consumer) > 0 then return false end
    end
    if pending_of(keys.bell, consumer) > 0 then return false end
    for i = 1, #LETTERS do redis.pcall('XGROUP', 'DELCONSUMER', keys[LETTERS[i]], GROUP, consumer) end
    redis.pcall('XGROUP', 'DELCONSUMER', keys.bell, GROUP, consumer)
    redis.call('ZREM', keys.beats, consumer)
    -- What nobody needs any more, so it must not fail a takeover that has been made.
    redis.pcall('HDEL', keys.workers, consumer)
    redis.pcall('HDEL', keys.spent, consumer)
    redis.pcall('HDEL', keys.load, consumer)
    return true
end
