-- Ready streams and their group.

-- The group begins at 0, never at the end: what was added before the group existed must be delivered too.
local function ensure_group(key)
    local reply = redis.pcall('XGROUP', 'CREATE', key, GROUP, '0', 'MKSTREAM')
    if is_error(reply) and not string.find(reply.err, '^BUSYGROUP') then return reply.err end
    return nil
end

-- XREADGROUP that makes the stream and its group when they are missing. Returns entries, or nil and the error. A limit that
-- is passed as text need not be written as such.
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
    local reply = redis.pcall('XPENDING', key, GROUP, first, last, '10000', consumer)
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

-- a before b, as stream ids. Compared as digits, because the largest ids do not fit a double.
local function id_before(a_ms, a_seq, b_ms, b_seq)
    local a, b = a_ms, b_ms
    if a_ms == b_ms then a, b = a_seq, b_seq end
    if #a ~= #b then return #a < #b end
    return a < b
end

-- XDEL walks to each entry through the node of the stream that it is in, which was half of what settling a job cost. Where
-- all that lies before an id is done, XTRIM cuts it off at once.
local TRIM_ENTRIES_MIN = 16     -- fewer are deleted for what looking costs
local TRIM_RESTS_MAX = 32       -- calls that do not look, after such that looked in vain
local TRIM_REFUSED_MS = 3600000

local forget_batch
do
    -- The id before which all entries are done, nil when that cannot be told. An entry that is neither waiting nor in flight
    -- nor of this batch was acknowledged by hand, and whoever did that may still want it. The group's lag may be missing or
    -- wrong, but then the sum is wrong, too.
    local function done_before(key, batch)
        local info = group_info(key)
        if not info or not info.lag or redis.call('XLEN', key) ~= info.pending + info.lag + batch then return nil end
        local last_ms, last_seq = string.match(info['last-delivered-id'], '^(%d+)%-(%d+)$')
        if info.pending == 0 then return whole_number(last_seq) and last_ms .. '-' .. int(last_seq + 1) end
        local oldest = redis.call('XPENDING', key, GROUP, '-', '+', '1')[1][1]
        local ms, seq = string.match(oldest, '^(%d+)%-(%d+)$')
        -- Not where the group was put back by hand, so that entries before its oldest wait to be delivered again.
        return not id_before(last_ms, last_seq, ms, seq) and oldest or nil
    end

    local function not_before(entries, bound)
        local ms, seq = string.match(bound, '^(%d+)%-(%d+)$')
        local rest = {}
        for i = 1, #entries do
            local entry_ms, entry_seq = string.match(entries[i], '^(%d+)%-(%d+)$')
            if not id_before(entry_ms, entry_seq, ms, seq) then rest[#rest + 1] = entries[i] end
        end
        return rest
    end

    -- After three looks in vain, in which an older job was in flight, the next calls do not look.
    local function rest_after(trim, code, cut)
        local misses = cut > 0 and 0 or (trim.misses[code] or 0) + 1
        trim.misses[code] = misses
        trim.rests[code] = misses > 2 and math.min(2 ^ (misses - 3), TRIM_RESTS_MAX) or 0
    end

    -- Cuts off what is done of acknowledged entries. Returns those that are left.
    local function cut_done(keys, code, entries)
        local bound = done_before(keys[code], #entries)
        local cut = bound and redis.call('XTRIM', keys[code], 'MINID', '=', bound) or 0
        rest_after(keys.trim, code, cut)
        if cut == #entries then return {} end
        return cut > 0 and not_before(entries, bound) or entries
    end

    local function may_cut(trim, code, entries, now)
        if #entries < TRIM_ENTRIES_MIN or now < trim.refused_until then return false end
        local rests = trim.rests[code] or 0
        trim.rests[code] = rests - 1
        return rests <= 0
    end

    -- As forget_entries, for a batch of jobs that were just done.
    function forget_batch(keys, code, entries, now)
        if #entries == 0 then return end
        redis.call('XACK', keys[code], GROUP, unpack(entries))
        if may_cut(keys.trim, code, entries, now) then
            local ok, left = pcall(cut_done, keys, code, entries)
            if ok then
                entries = left
            else
                -- A user with the rights of an older version. Asked each time, its refusals would fill the server's log.
                keys.trim.refused_until = now + TRIM_REFUSED_MS
            end
        end
        if #entries > 0 then redis.call('XDEL', keys[code], unpack(entries)) end
    end
end

local function pending_of(key, consumer)
    local reply = redis.pcall('XPENDING', key, GROUP, '-', '+', 1, consumer)
    return is_error(reply) and 0 or #reply
end

-- Removes a consumer that has nothing in flight. Deleting one that has would lose its jobs, so that is refused.
local function remove_consumer(keys, consumer)
    for i = 1, #CODES do
        if pending_of(keys[CODES[i]], consumer) > 0 then return false end
    end
    if pending_of(keys.bell, consumer) > 0 then return false end
    for i = 1, #CODES do redis.pcall('XGROUP', 'DELCONSUMER', keys[CODES[i]], GROUP, consumer) end
    redis.pcall('XGROUP', 'DELCONSUMER', keys.bell, GROUP, consumer)
    redis.call('ZREM', keys.beats, consumer)
    -- What nobody needs any more, so it must not fail a takeover that has been made.
    redis.pcall('HDEL', keys.workers, consumer)
    redis.pcall('HDEL', keys.spent, consumer)
    redis.pcall('HDEL', keys.load, consumer)
    return true
end
