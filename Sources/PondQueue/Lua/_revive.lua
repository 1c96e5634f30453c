-- Exports: send_back
-- Dead jobs on their way back to a ready stream.

local REVIVE_MAX = 256

-- Why nobody would hear of the end of a child that is sent back: its result would be lost, and what it does is undone by nobody.
local function orphaned(keys, fields)
    local parent, name = field(fields, 'saga_parent'), field(fields, 'saga_step')
    if not parent or not name or field(fields, 'phase') then return nil end
    local state, before = unpack(redis.call('HMGET', keys.saga .. parent, 'state', 'before'))
    local what = nil
    if not state then
        what = 'has ended'
    elseif saga.FINAL[state] or state == 'undoing' or state == 'stuck' then
        what = 'is ' .. state
    elseif state == 'paused' and before == 'undoing' then
        what = 'has turned round'
    elseif redis.call('HMGET', joins.key(keys, parent, name), 'total', 'closed')[2] then
        what = 'waits for step "' .. name .. '" no more'
    end
    return what and 'its parent saga ' .. parent .. ' ' .. what .. ': nobody takes its result, and nobody undoes what it does; '
        .. 'replay the parent, or force it' or nil
end

-- Whoever waits for a child that is sent back hears of its end once more.
local function count_anew(keys, id, fields)
    local parent, name, number = field(fields, 'saga_parent'), field(fields, 'saga_step'), field(fields, 'saga_index')
    if not parent or not name or not number or field(fields, 'phase') then return end
    local key = joins.key(keys, parent, name)
    local known = redis.call('HMGET', key, 'c:' .. number, 'r:' .. number, 'closed')
    if known[1] ~= id or not known[2] or known[3] then return end
    redis.call('HDEL', key, 'r:' .. number)
    redis.call('HINCRBY', key, string.sub(known[2], 1, 1) == '1' and 'ok' or 'bad', -1)
end

local function send_one_back(keys, id, record, to_change, events, is_forced)
    -- The same id may be named twice.
    if not record or redis.call('HEXISTS', keys.dead, id) == 0 then return 'unknown' end
    if record[2] == 'malformed' then return 'refused a malformed entry cannot run; discard it' end
    local orphan = not is_forced and not to_change.phase and orphaned(keys, record[1])
    if orphan then return 'refused ' .. orphan end
    local changes = {
        attempt = false, recoveries = false, unstarted = false, spent_wall_ms = false, spent_cpu_ms = false,
        spent_usd_micros = false, unhandled_ms = false, interrupted = false,
        recovered_ms = false, last_error = clipped(record[3], LAST_ERROR_BYTES_MAX),
    }
    for name, value in pairs(to_change) do changes[name] = value end
    local fields = with_fields(record[1], changes)
    if saga.any(keys) and saga.state(keys, id) then
        saga.reopen(keys, id, now_ms(), events)
        fields = with_fields(fields, { saga_run = '1' })
    end
    local landed, failure = readd(keys, home_code(id), id, fields)
    if not landed then return 'refused ' .. failure end
    dead_remove(keys, id, record)
    count_anew(keys, id, fields)
    local phase = field(fields, 'phase')
    note(events, 'revived', phase and id .. ' ' .. phase or id)
    note_facts(events, id, fields)
    return 'enqueued'
end

-- Sends dead jobs back, each for itself. Attempts, recoveries and what was spent begin anew, the last error stays, and
-- so does everything that `changes` does not name: fields to set (a text) or to take away (false). A child whose parent does
-- not wait for it any more is refused, unless forced.
function send_back(names, ids, changes, is_forced)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #ids > REVIVE_MAX then return redis.error_reply('INVALID ids: at most ' .. REVIVE_MAX .. ' a call') end
    local records, replies, events = removable_records(keys, ids), {}, {}
    for i = 1, #ids do replies[i] = send_one_back(keys, ids[i], records[ids[i]], changes, events, is_forced) end
    resume_when_room(keys)
    write_journal(keys, '', events)
    return replies
end
