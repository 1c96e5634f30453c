-- Pauses or resumes a queue. Jobs in flight go on; workers hear it at their next fetch or beat.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  'pause' or 'resume'   2  why, for people (at most 1 KiB)
-- returns  'paused' or 'running'

local function pause(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if args[1] == 'pause' then
        redis.call('HSET', keys.meta, 'paused_ms', int(now_ms()), 'paused_reason',
            clipped(args[2] or '', LAST_ERROR_BYTES_MAX))
        return 'paused'
    elseif args[1] == 'resume' then
        redis.call('HDEL', keys.meta, 'paused_ms', 'paused_reason')
        return 'running'
    end
    return redis.error_reply('INVALID pause: got "' .. string.sub(args[1] or '', 1, 100)
        .. '", allowed is pause or resume')
end

redis.register_function{ function_name = 'pond_pause', callback = pause, flags = { 'allow-oom' } }
