-- What the kinds of a queue need of limits, and what waits for them.
-- KEYS     1  the queue, mp:{q}
-- ARGV     kinds  then two a kind:  kind  text   ('' takes it away): a job of that kind without a field `limit` needs what
--                 the text names, as in openai,tenant:{tenant}
--          list
-- returns  of kinds {how many have changed}
--          of list {'kinds', n, kind, text, …, 'lanes', n, lane, jobs, limit, reason or '', due_ms or '', …}

local KINDS_MAX = 1024
local LANES_MAX = 100

local function set_kinds(keys, args)
    if #args % 2 ~= 1 or (#args - 1) / 2 > KINDS_MAX then
        return redis.error_reply('INVALID kinds: expected up to ' .. KINDS_MAX .. ' pairs of kind and text')
    end
    for i = 2, #args, 2 do
        local wrong = args[i + 1] ~= '' and limits.wrong_text(args[i + 1])
        if wrong then return redis.error_reply(wrong) end
    end
    local changed = 0
    for i = 2, #args, 2 do
        local old = redis.call('HGET', keys.needs, args[i]) or ''
        if old ~= args[i + 1] then
            changed = changed + 1
            if args[i + 1] == '' then
                redis.call('HDEL', keys.needs, args[i])
            else
                redis.call('HSET', keys.needs, args[i], args[i + 1])
                redis.call('HSET', keys.meta, 'limits', '1')
            end
        end
    end
    return { int(changed) }
end

local function list(keys)
    local reply, kinds = {}, redis.call('HGETALL', keys.needs)
    reply[1], reply[2] = 'kinds', int(#kinds / 2)
    for i = 1, #kinds do reply[#reply + 1] = kinds[i] end
    local context = limits.open(keys, now_ms())
    context.is_read_only = true
    local rows = lanes.list(context, LANES_MAX)
    local count = math.min(#rows, LANES_MAX)
    reply[#reply + 1], reply[#reply + 2] = 'lanes', int(count)
    for i = 1, count do
        local row = rows[i]
        reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = row[1], int(row[2]), row[3]
        reply[#reply + 1], reply[#reply + 2] = row[4], row[5]
    end
    return reply
end

local function limits_of_queue(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if args[1] == 'kinds' then return set_kinds(keys, args) end
    if args[1] == 'list' then return list(keys) end
    return redis.error_reply('INVALID limits: expected kinds or list')
end

redis.register_function{ function_name = 'pond_limits', callback = limits_of_queue, flags = { 'allow-oom' } }
