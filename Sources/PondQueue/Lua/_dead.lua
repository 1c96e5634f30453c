-- The dead: jobs that ended badly, each under a cause, with a summary a cause.

local DROP_BATCH_MAX = 256   -- how many of the oldest one burial drops at most, when the bound was lowered

-- The keys that a burial or its undoing writes last, looked at first: a key of another type must stop the call before
-- its first write, not after it.
local function check_dead(keys)
    redis.call('ZCARD', keys.dead_at)
    redis.call('HLEN', keys.causes)
end

-- A summary is {number of dead, first_ms, last_ms, id of the last, error of the last}, texts all.
local function cause_summary(keys, cause)
    local packed = redis.call('HGET', keys.causes, cause)
    local ok, summary = pcall(cmsgpack.unpack, packed or '')
    if not ok or type(summary) ~= 'table' or not tonumber(summary[1]) then return nil end
    return summary
end

local function cause_add(keys, cause, id, now, text)
    local summary = cause_summary(keys, cause) or { '0', int(now), '', '', '' }
    summary[1] = int(tonumber(summary[1]) + 1)
    summary[3], summary[4], summary[5] = int(now), id, clipped(text, LAST_ERROR_BYTES_MAX)
    redis.call('HSET', keys.causes, cause, cmsgpack.pack(summary))
end

local function cause_remove(keys, cause)
    local summary = cause_summary(keys, cause)
    if not summary or tonumber(summary[1]) <= 1 then
        redis.call('HDEL', keys.causes, cause)
        return
    end
    summary[1] = int(tonumber(summary[1]) - 1)
    redis.call('HSET', keys.causes, cause, cmsgpack.pack(summary))
end

-- A dead record is {fields, cause, error, died_ms}.
local function dead_record(keys, id)
    local packed = redis.call('HGET', keys.dead, id)
    if not packed then return nil end
    local ok, record = pcall(cmsgpack.unpack, packed)
    if not ok or type(record) ~= 'table' or type(record[1]) ~= 'table' then return nil end
    return record
end

local function dead_remove(keys, id, record)
    redis.call('ZREM', keys.dead_at, id)
    redis.call('HDEL', keys.dead, id)
    if record then cause_remove(keys, record[2]) end
end

local function drop_oldest_dead(keys, events)
    local excess = math.min(redis.call('ZCARD', keys.dead_at) - DEAD_MAX, DROP_BATCH_MAX)
    for _ = 1, excess do
        local oldest = redis.call('ZRANGE', keys.dead_at, 0, 0)[1]
        local record = dead_record(keys, oldest)
        if record then free_key(keys, record[1], oldest) end
        dead_remove(keys, oldest, record)
        count(keys, 'dropped', 1)
        note(events, 'dropped', oldest)
    end
end

local function bury(keys, id, fields, cause, text, now, events)
    text = clipped(text, ERROR_TEXT_BYTES_MAX)
    check_dead(keys)
    local old = dead_record(keys, id)
    redis.call('HSET', keys.dead, id, cmsgpack.pack({ fields, cause, text, int(now) }))
    add_or_undo(keys.dead, id, 'ZADD', keys.dead_at, int(now), id)
    -- A record that is there already is of the same end, whose move failed half-way, and has been counted.
    if old then cause_remove(keys, old[2]) else slo_failed(keys, events, id, fields, now) end
    cause_add(keys, cause, id, now, text)
    note(events, 'dead', with_text(id .. ' ' .. cause, text))
    drop_oldest_dead(keys, events)
end

-- An entry with more fields than any job has, which cannot be moved as one.
local function bury_overfull(keys, id, fields, now, events)
    bury(keys, id, fields, 'malformed', 'too many fields: ' .. int(#fields / 2), now, events)
end
