-- Sends dead jobs back to their ready stream: attempts, recoveries and what was spent begin anew, the last error stays.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256)
-- returns  one text an id, in order: enqueued · unknown · refused TEXT

local REVIVE_MAX = 256

local function revive_one(keys, id, record, events)
    -- The same id may be named twice.
    if not record or redis.call('HEXISTS', keys.dead, id) == 0 then return 'unknown' end
    if record[2] == 'malformed' then return 'refused a malformed entry cannot run; discard it' end
    local fields = with_fields(record[1], {
        attempt = false, recoveries = false, unstarted = false, spent_wall_ms = false, spent_cpu_ms = false, spent_usd_micros = false,
        unhandled_ms = false, last_error = clipped(record[3], LAST_ERROR_BYTES_MAX),
    })
    local landed, failure = readd(keys, home_letter(id), id, fields)
    if not landed then return 'refused ' .. failure end
    dead_remove(keys, id, record)
    note(events, 'revived', id)
    note_facts(events, id, fields)
    return 'enqueued'
end

local function revive(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args > REVIVE_MAX then return redis.error_reply('INVALID ids: at most ' .. REVIVE_MAX .. ' a call') end
    local records, replies, events = removable_records(keys, args), {}, {}
    for i = 1, #args do replies[i] = revive_one(keys, args[i], records[args[i]], events) end
    write_journal(keys, '', events)
    return replies
end

redis.register_function{ function_name = 'pond_revive', callback = revive }
