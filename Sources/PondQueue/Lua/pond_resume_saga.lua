-- Lets a saga that was paused go on, and one that waits and is on no list of times, so that nobody else wakes it.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  why, for the journal
-- returns  {'moved'} · {'unknown'} · {'refused', TEXT}

local function resume(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id = args[1] or ''
    local state, before = unpack(redis.call('HMGET', keys.saga .. id, 'state', 'before'))
    if not state then return { 'unknown' } end
    local now, events = now_ms(), {}
    if state == 'waiting' and not redis.call('ZSCORE', keys.waits, id) and saga.wake(keys, id, 'resumed', now, events) then
        write_journal(keys, '', events)
        return { 'moved' }
    end
    if state ~= 'paused' then return { 'refused', 'the saga is ' .. state .. ', not paused' } end
    local failure = saga.resume(keys, id, before, args[2], now, events)
    if failure then return redis.error_reply(failure) end
    write_journal(keys, '', events)
    return { 'moved' }
end

redis.register_function{ function_name = 'pond_resume_saga', callback = resume }
