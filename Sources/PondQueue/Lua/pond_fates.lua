-- Says how jobs that were sent back go on, without what is stored of them.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256)
-- returns  one text an id, in order: open (it waits or runs, and has not failed) · failed (it is dead, or waits for another
--          try after a failure) · ended (it is nowhere: done, cancelled or forgotten)

local FATES_MAX = 256

local function fate_of(keys, id)
    local place = places.look_up(keys, id)
    if place.state == 'unknown' then return 'ended' end
    if place.state == 'dead' or number_field(place.fields, 'attempt') > 0 then return 'failed' end
    return 'open'
end

local function fates(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args > FATES_MAX then return redis.error_reply('INVALID ids: at most ' .. FATES_MAX .. ' a call') end
    local reply = {}
    for i = 1, #args do reply[i] = fate_of(keys, args[i]) end
    return reply
end

redis.register_function{ function_name = 'pond_fates', callback = fates, flags = { 'no-writes' } }
