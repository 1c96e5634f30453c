-- Makes held jobs ready at once that rest because a budget was used up, once there is money again.
-- KEYS     1  the queue, mp:{q}
-- ARGV     the jobs' ids, at most 256
-- returns  {how many were woken}: others have gone on, have ended, or rest for another reason

local function wake(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args > PROMOTE_BATCH_MAX then
        return redis.error_reply('INVALID wake: got ' .. #args .. ' ids, allowed are ' .. PROMOTE_BATCH_MAX)
    end
    local now, woken = now_ms(), 0
    for i = 1, #args do
        local packed = redis.call('HGET', keys.held, args[i])
        local ok, fields = pcall(cmsgpack.unpack, packed or '')
        if packed and ok and type(fields) == 'table' and field(fields, 'budget_wait') then
            redis.call('ZADD', keys.due, int(now), args[i])
            woken = woken + 1
        end
    end
    if woken > 0 then promote_due(keys, now, PROMOTE_BATCH_MAX, '') end
    return { int(woken) }
end

redis.register_function{ function_name = 'pond_wake', callback = wake, flags = { 'allow-oom' } }
