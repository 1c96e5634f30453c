-- Cancels a job that has not ended.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  'cancelled', 'cancelling' (in flight: its worker hears it at its next beat) or 'unknown'

local function cancel(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local found, place = places.find(keys, args[1] or '')
    if not found or not place.drop then return 'unknown' end
    -- A producer that appended to a stream itself may name the job by its bare entry.
    if found.code then found.id = job_id(keys, found.code, found.entry, found.fields) end
    if found.owner then
        redis.call('HSET', keys.cancel, found.id, found.owner)
        return 'cancelling'
    end
    local events = {}
    free_key(keys, found.fields, found.id)
    place.drop(keys, found)
    note_facts(events, found.id, found.fields)
    note(events, 'cancelled', found.id)
    write_journal(keys, '', events)
    return 'cancelled'
end

redis.register_function{ function_name = 'pond_cancel', callback = cancel, flags = { 'allow-oom' } }
