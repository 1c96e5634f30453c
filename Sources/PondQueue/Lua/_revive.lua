-- Exports: send_back
-- Dead jobs on their way back to a ready stream.

local REVIVE_MAX = 256

local function send_one_back(keys, id, record, to_change, events)
    -- The same id may be named twice.
    if not record or redis.call('HEXISTS', keys.dead, id) == 0 then return 'unknown' end
    if record[2] == 'malformed' then return 'refused a malformed entry cannot run; discard it' end
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
    local phase = field(fields, 'phase')
    note(events, 'revived', phase and id .. ' ' .. phase or id)
    note_facts(events, id, fields)
    return 'enqueued'
end

-- Sends dead jobs back, each for itself. Attempts, recoveries and what was spent begin anew, the last error stays, and
-- so does everything that `changes` does not name: fields to set (a text) or to take away (false).
function send_back(names, ids, changes)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #ids > REVIVE_MAX then return redis.error_reply('INVALID ids: at most ' .. REVIVE_MAX .. ' a call') end
    local records, replies, events = removable_records(keys, ids), {}, {}
    for i = 1, #ids do replies[i] = send_one_back(keys, ids[i], records[ids[i]], changes, events) end
    resume_when_room(keys)
    write_journal(keys, '', events)
    return replies
end
