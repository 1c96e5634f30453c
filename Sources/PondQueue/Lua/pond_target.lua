-- Sets what a class of a queue's jobs is promised.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  class, A to D   2  wait ms, total ms, objective and success (parts of 1), a space between; '' for the standard
--          3  '1' to make it the class of jobs that name none, else ''
-- returns  what pond_measure returns

local function target(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local class, text, is_default = args[1] or '', args[2] or '', args[3] == '1'
    if not SLO.CLASS[class] then
        return redis.error_reply('INVALID class: got "' .. string.sub(class, 1, 100) .. '", allowed is A, B, C or D')
    end
    if text ~= '' and not string.find(text, '^[1-9]%d* [1-9]%d* [01]%.?%d* [01]%.?%d*$') then
        return redis.error_reply('INVALID target: got "' .. string.sub(text, 1, 100)
            .. '", expected wait ms, total ms and two parts of 1, as in: 30000 300000 0.99 0.995')
    end
    if text == '' then
        redis.call('HDEL', keys.meta, 'slo:' .. class)
    else
        redis.call('HSET', keys.meta, 'slo:' .. class, text)
    end
    if is_default then redis.call('HSET', keys.meta, 'class', class) end
    return SLO.add_promises(keys, { int(now_ms()) })
end

redis.register_function{ function_name = 'pond_target', callback = target, flags = { 'allow-oom' } }
