-- Moves held jobs whose time has come to their ready streams. Never early: the due time is compared with Redis' clock.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer, for the journal
-- returns  {now_ms, next_due_ms or 0, how many were promoted}

local function promote(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local promoted = promote_due(keys, now, PROMOTE_BATCH_MAX, args[1] or '')
    local waits = saga.wake_all_due(keys, now, PROMOTE_BATCH_MAX, args[1] or '')
    return { int(now), lanes.earliest(keys, now, saga.earlier(next_due(keys), waits)), int(promoted) }
end

redis.register_function{ function_name = 'pond_promote', callback = promote, flags = { 'allow-oom' } }
