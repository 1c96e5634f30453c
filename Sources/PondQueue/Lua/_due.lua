-- Exports: promote_due first_due is_due due_text next_due

-- Held jobs whose time has come move to their ready stream.

local PROMOTE_AGAIN_MS = 5000

local function promote_one(keys, id, now, events)
    local packed = redis.call('HGET', keys.held, id)
    if not packed then
        redis.call('ZREM', keys.due, id)
        note(events, 'ghost', id)
        return 0
    end
    local ok, fields = pcall(cmsgpack.unpack, packed)
    if not ok or type(fields) ~= 'table' then
        bury(keys, id, { 'data', packed }, 'malformed', 'the held envelope is not readable', now, events)
        end_held(keys, id)
        return 0
    end
    local expires = whole_number(field(fields, 'expires_ms'))
    if expires and expires <= now then
        if saga.turns(keys, id, fields, 'cancelled', 'deadline', now, events) then
            end_held(keys, id)
            return 1
        end
        free_key(keys, fields, id)
        note(events, 'expired', id)
        slo_failed(keys, events, id, fields, now)
        note_facts(events, id, fields)
        joins.job_ended(keys, id, fields, 'expired', now, events)
        end_held(keys, id)
        return 0
    end
    -- A reason for its rest says nothing of a job that may go on.
    if field(fields, 'budget_wait') then fields = with_fields(fields, { budget_wait = false }) end
    local landed, failure = readd(keys, home_code(id), id, fields)
    if not landed then error(failure) end
    end_held(keys, id)
    return 1
end

function promote_due(keys, now, limit, by)
    local ids = redis.call('ZRANGE', keys.due, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, limit)
    local promoted, events = 0, {}
    for i = 1, #ids do
        local ok, moved = pcall(promote_one, keys, ids[i], now, events)
        if ok then
            promoted = promoted + moved
        else
            -- Its target cannot take it (a key of another type sits there). It is tried again later, so that the jobs
            -- behind it, which may go elsewhere, are not stopped by it.
            redis.call('ZADD', keys.due, int(now + PROMOTE_AGAIN_MS), ids[i])
        end
    end
    slo_write(keys, events.slo, now)
    write_journal(keys, by, events)
    return promoted
end

-- The next due time, nil when nothing is held.
function first_due(keys)
    return tonumber(redis.call('ZRANGE', keys.due, '0', '0', 'WITHSCORES')[2] or '')
end

function is_due(due, now) return due ~= nil and due <= now end

function due_text(due) return due and int(due) or '0' end

function next_due(keys) return due_text(first_due(keys)) end
