-- Asks of jobs that were not fetched by pond_fetch whether they may begin, before they do. What may not is parked until its
-- limits have room, and is no longer the consumer's.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer, then two a job:  code  entry
-- returns  one word a job: run · limited · lost (the consumer does not own it)

local ADMIT_BATCH_MAX = 512

local function admit_one(context, consumer, code, entry)
    local keys = context.keys
    local fields = owned_in(keys[code], consumer, entry, entry)[entry] and entry_fields(keys[code], entry)
    if not fields then return 'lost' end
    if redis.call('HEXISTS', keys.granted, job_id(keys, code, entry, fields)) == 1 then return 'run' end
    if lanes.admit(context, code, entry, fields, true) then return 'run' end
    redis.call('XCLAIM', keys[code], GROUP, PARKER, 0, entry, 'JUSTID')
    return 'limited'
end

local function admit(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if not args[1] or #args % 2 ~= 1 or (#args - 1) / 2 > ADMIT_BATCH_MAX then
        return redis.error_reply('INVALID admit: expected a consumer and up to ' .. ADMIT_BATCH_MAX .. ' pairs of code and entry')
    end
    for i = 2, #args, 2 do
        if not SUFFIX[args[i]] or not string.find(args[i + 1], '^%d+%-%d+$') then
            return redis.error_reply('INVALID admit: expected pairs of code and entry')
        end
    end
    redis.call('HSET', keys.meta, 'limits', '1')
    local context, words = limits.open(keys, now_ms()), {}
    context.events = {}
    for i = 2, #args, 2 do words[#words + 1] = admit_one(context, args[1], args[i], args[i + 1]) end
    lanes.write(context)
    limits.close(context)
    -- Whoever listens fetches then, and hears when there may be room: the next heartbeat may come too late for that.
    if #context.events > 0 then wake_one(keys, context.now) end
    write_journal(keys, args[1], context.events)
    return words
end

redis.register_function{ function_name = 'pond_admit', callback = admit, flags = { 'allow-oom' } }
