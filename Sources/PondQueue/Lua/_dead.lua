-- Exports: removable_records dead_remove resume_when_room bury

-- The dead: jobs that ended badly, each under a cause, with a summary a cause.

-- The parts of the bound at which the queue is paused, and below which it goes on.
local DEAD_FULL, DEAD_ROOM = 0.9, 0.8
local DEAD_FULL_REASON = 'dead_full'
local DROP_BATCH_MAX = 256   -- how many of the oldest one burial drops at most, when the bound was lowered

-- The keys that a burial or its undoing writes last, looked at first: a key of another type must stop the call before
-- its first write, not after it.
local function check_dead(keys, group)
    redis.call('ZCARD', keys.dead_at)
    redis.call('HLEN', keys.causes)
    redis.call('ZCARD', keys.sagas)
    grouping.check(keys, group)
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

-- The dead records of many ids, by id, when every key that taking them away writes is of its type.
function removable_records(keys, ids)
    check_dead(keys)
    local records, checked = {}, {}
    for i = 1, #ids do
        local record = dead_record(keys, ids[i])
        local group = grouping.named(record)
        if group and not checked[group] then
            grouping.check(keys, group)
            checked[group] = true
        end
        records[ids[i]] = record
    end
    return records
end

function dead_remove(keys, id, record)
    redis.call('ZREM', keys.dead_at, id)
    redis.call('HDEL', keys.dead, id)
    if not record then return end
    cause_remove(keys, record[2])
    grouping.remove(keys, grouping.named(record), id, grouping.kind(record[1]))
end

local function drop_oldest_dead(keys, excess, now, events)
    for _ = 1, math.min(excess, DROP_BATCH_MAX) do
        local oldest = redis.call('ZRANGE', keys.dead_at, 0, 0)[1]
        local record = dead_record(keys, oldest)
        if record then free_key(keys, record[1], oldest) end
        dead_remove(keys, oldest, record)
        if record then joins.job_forgotten(keys, oldest, record[1], 'dropped', now, events) end
        count(keys, 'dropped', 1)
        note(events, 'dropped', oldest)
    end
end

-- Nobody fetches while so many are dead: what is dropped was acknowledged, so somebody has to look first. Jobs in flight may
-- still die; there is room for them. A pause of somebody's own is left as it is.
local function pause_when_full(keys, dead, now)
    if dead < DEAD_MAX * DEAD_FULL then return end
    local meta = redis.pcall('HMGET', keys.meta, 'dead_overflow', 'paused_ms')
    if is_error(meta) or meta[1] == 'drop' or meta[2] then return end
    redis.pcall('HSET', keys.meta, 'paused_ms', int(now), 'paused_reason', DEAD_FULL_REASON .. ': ' .. int(dead)
        .. ' jobs are dead, and past ' .. DEAD_MAX .. ' the oldest are dropped. Retry or discard some (pond dead groups); '
        .. 'below ' .. int(DEAD_MAX * DEAD_ROOM) .. ' the queue goes on by itself')
end

-- Ends such a pause when the dead have become fewer.
function resume_when_room(keys)
    if redis.call('ZCARD', keys.dead_at) >= DEAD_MAX * DEAD_ROOM then return end
    local reason = redis.pcall('HGET', keys.meta, 'paused_reason')
    if type(reason) ~= 'string' or string.find(reason, DEAD_FULL_REASON .. ':', 1, true) ~= 1 then return end
    redis.pcall('HDEL', keys.meta, 'paused_ms', 'paused_reason')
end

local function keep_bound_of_dead(keys, now, events)
    local dead = redis.call('ZCARD', keys.dead_at)
    pause_when_full(keys, dead, now)
    drop_oldest_dead(keys, dead - DEAD_MAX, now, events)
end

-- Puts a job among the dead. `extra` is what its worker said of the root cause, or nil.
function bury(keys, id, fields, cause, text, now, events, extra)
    text, fields = clipped(text, ERROR_TEXT_BYTES_MAX), bounded(fields)
    local kind = grouping.kind(fields)
    local root, title = grouping.root(extra, cause, fields)
    local own = grouping.of(root)
    check_dead(keys, own)
    local old = dead_record(keys, id)
    if old then grouping.check(keys, grouping.named(old)) end
    local group = grouping.place(keys, own)
    if group == grouping.OTHER then grouping.check(keys, group) end
    redis.call('HSET', keys.dead, id, cmsgpack.pack({ fields, cause, text, int(now), group }))
    add_or_undo(keys.dead, id, 'ZADD', keys.dead_at, int(now), id)
    if old then
        -- It is of the same end, whose move failed half-way, and has been counted.
        cause_remove(keys, old[2])
        grouping.remove(keys, grouping.named(old), id, grouping.kind(old[1]))
    elseif not field(fields, 'phase') then
        -- A compensation is of a job that has been counted, and so is the undoing of a saga.
        slo_failed(keys, events, id, fields, now)
    end
    cause_add(keys, cause, id, now, text)
    grouping.add(keys, group, { id = id, cause = cause, title = title, text = text, kind = kind }, now)
    note(events, 'dead', with_text(id .. ' ' .. cause .. ' ' .. group, text))
    joins.job_died(keys, id, fields, cause, text, now, events)
    keep_bound_of_dead(keys, now, events)
end

