-- Puts among the dead what a consumer was handed and cannot read: entries of more bytes than a job has, as malformed. A
-- client that must refuse a reply for its size calls it, because it cannot see what was in that reply.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  code   3  entry, to go on behind that; '' and '' at first
-- returns  {how many were buried, code, entry to go on behind}; code and entry are '' when all was looked at

local PENDING_AT_ONCE = 100
local LOOKED_BYTES_MAX = 67108864   -- of a call: to see how large an entry is, it has to be read

local function bury_if_oversized(keys, code, entry, fields, now, events)
    local wrong = unmovable(fields)
    if not wrong then return 0 end
    local id = job_id(keys, code, entry, fields)
    bury(keys, id, fields, 'malformed', wrong, now, events)
    note_facts(events, id, fields)
    if id ~= own_id(code, entry) then unpoint(keys, id, code, entry) end
    redis.pcall('HDEL', keys.cancel, id)
    limits.left_flight(keys, id, now)
    forget_entries(keys[code], { entry })
    return 1
end

-- Looks at what the consumer has of one stream. Returns how many were buried, and the entry to go on behind when enough
-- was read for one call.
local function look_through(keys, consumer, code, from, now, look)
    local key, buried = keys[code], 0
    while true do
        local pending = redis.pcall('XPENDING', key, GROUP, from, '+', PENDING_AT_ONCE, consumer)
        if is_error(pending) or #pending == 0 then return buried end
        for i = 1, #pending do
            local entry = pending[i][1]
            local fields = entry_fields(key, entry)
            if fields then
                look.bytes = look.bytes + bytes_of(fields)
                buried = buried + bury_if_oversized(keys, code, entry, fields, now, look.events)
            end
            from = '(' .. entry
            if look.bytes > LOOKED_BYTES_MAX then return buried, entry end
        end
    end
end

local function bury_oversized(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, behind, entry = args[1], args[2] or '', args[3] or ''
    if not consumer or (behind ~= '' and not (SUFFIX[behind] and string.find(entry, '^%d+%-%d+$'))) then
        return redis.error_reply('INVALID bury: expected a consumer, and a code and an entry or two empty texts')
    end
    local now, look, buried = now_ms(), { bytes = 0, events = {} }, 0
    local reply = { '0', '', '' }
    for i = 1, #CODES do
        local code = CODES[i]
        if behind == '' or behind == code then
            local found, last = look_through(keys, consumer, code, behind == '' and '-' or '(' .. entry, now, look)
            buried, behind = buried + found, ''
            if last then
                reply[2], reply[3] = code, last
                break
            end
        end
    end
    slo_write(keys, look.events.slo, now)
    write_journal(keys, consumer, look.events)
    reply[1] = int(buried)
    return reply
end

redis.register_function{ function_name = 'pond_bury_oversized', callback = bury_oversized, flags = { 'allow-oom' } }
