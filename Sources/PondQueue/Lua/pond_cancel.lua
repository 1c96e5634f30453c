-- Cancels a job that has not ended.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  'cancelled', 'cancelling' (in flight: its worker hears it at its next beat) or 'unknown'

local function cancel(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id, events = args[1] or '', {}
    local held = redis.call('HGET', keys.held, id)
    if held then
        local ok, fields = pcall(cmsgpack.unpack, held)
        if ok and type(fields) == 'table' then
            free_key(keys, fields, id)
            note_facts(events, id, fields)
        end
        end_held(keys, id)
    else
        local found = find_entry(keys, id)
        if not found then return 'unknown' end
        local full_id = job_id(keys, found.letter, found.entry, found.fields)
        if found.owner then
            redis.call('HSET', keys.cancel, full_id, found.owner)
            return 'cancelling'
        end
        free_key(keys, found.fields, full_id)
        unpoint(keys, full_id, found.letter, found.entry)
        redis.call('XDEL', keys[found.letter], found.entry)
        id = full_id
        note_facts(events, id, found.fields)
    end
    note(events, 'cancelled', id)
    write_journal(keys, '', events)
    return 'cancelled'
end

redis.register_function{ function_name = 'pond_cancel', callback = cancel, flags = { 'allow-oom' } }
