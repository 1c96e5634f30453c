-- Forgets dead jobs for good.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256)
-- returns  one text an id, in order: discarded · unknown

local DISCARD_MAX = 256

local function discard(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args > DISCARD_MAX then return redis.error_reply('INVALID ids: at most ' .. DISCARD_MAX .. ' a call') end
    local records, replies, events = removable_records(keys, args), {}, {}
    local now = now_ms()
    for i = 1, #args do
        if redis.call('HEXISTS', keys.dead, args[i]) == 1 then
            local record = records[args[i]]
            if record then free_key(keys, record[1], args[i]) end
            dead_remove(keys, args[i], record)
            note(events, 'discarded', args[i])
            if record then
                note_facts(events, args[i], record[1])
                joins.job_forgotten(keys, args[i], record[1], 'discarded', now, events)
            end
            replies[i] = 'discarded'
        else
            replies[i] = 'unknown'
        end
    end
    resume_when_room(keys)
    write_journal(keys, '', events)
    return replies
end

redis.register_function{ function_name = 'pond_discard', callback = discard, flags = { 'allow-oom' } }
