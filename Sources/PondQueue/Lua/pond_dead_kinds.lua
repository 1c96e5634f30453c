-- Says of which kind dead jobs are, without what else is stored of them.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256)
-- returns  one text an id, in order: the kind, '-' for one that is no kind, '' for a job that is not dead

local KINDS_MAX = 256

local function dead_kinds(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args > KINDS_MAX then return redis.error_reply('INVALID ids: at most ' .. KINDS_MAX .. ' a call') end
    local reply = {}
    for i = 1, #args do
        local record = dead_record(keys, args[i])
        reply[i] = record and grouping.kind(record[1]) or ''
    end
    return reply
end

redis.register_function{ function_name = 'pond_dead_kinds', callback = dead_kinds, flags = { 'no-writes' } }
