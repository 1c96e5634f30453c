-- The dead: jobs that ended badly, each under a cause, with a summary a cause.

local function cause_add(keys, cause, id, now, text)
    local packed = redis.call('HGET', keys.causes, cause)
    local summary = packed and cmsgpack.unpack(packed) or { '0', int(now), '', '', '' }
    summary[1] = int(tonumber(summary[1]) + 1)
    summary[3], summary[4], summary[5] = int(now), id, clipped(text, LAST_ERROR_BYTES_MAX)
    redis.call('HSET', keys.causes, cause, cmsgpack.pack(summary))
end

local function cause_remove(keys, cause)
    local packed = redis.call('HGET', keys.causes, cause)
    if not packed then return end
    local summary = cmsgpack.unpack(packed)
    summary[1] = int(tonumber(summary[1]) - 1)
    if tonumber(summary[1]) < 1 then
        redis.call('HDEL', keys.causes, cause)
    else
        redis.call('HSET', keys.causes, cause, cmsgpack.pack(summary))
    end
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
    -- The summary tells of a change that has already been made, so its own failure must not fail the call.
    if record then pcall(cause_remove, keys, record[2]) end
end

local function drop_oldest_dead(keys, events)
    while redis.call('ZCARD', keys.dead_at) > DEAD_MAX do
        local oldest = redis.call('ZRANGE', keys.dead_at, 0, 0)[1]
        dead_remove(keys, oldest, dead_record(keys, oldest))
        count(keys, 'dropped', 1)
        note(events, 'dropped', oldest)
    end
end

local function bury(keys, id, fields, cause, text, now, events)
    text = clipped(text, ERROR_TEXT_BYTES_MAX)
    local old = dead_record(keys, id)
    redis.call('HSET', keys.dead, id, cmsgpack.pack({ fields, cause, text, int(now) }))
    add_or_undo(keys.dead, id, 'ZADD', keys.dead_at, int(now), id)
    if old then pcall(cause_remove, keys, old[2]) end
    pcall(cause_add, keys, cause, id, now, text)
    note(events, 'dead', id .. ' ' .. cause)
    drop_oldest_dead(keys, events)
end
