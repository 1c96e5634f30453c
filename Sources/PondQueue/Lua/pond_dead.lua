-- Lists the dead, newest first.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  how many at most (1 … 1000)   2  only this cause, or ''
-- returns  seven texts a job: id, died_ms, cause, error, kind, attempt, recoveries

local SCAN_MAX = 10000

local function dead(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local limit, cause = whole_number(args[1]), args[2] or ''
    if not limit or limit < 1 or limit > 1000 then
        return redis.error_reply('INVALID limit: got "' .. tostring(args[1]) .. '", allowed is 1 to 1000')
    end
    local ids = redis.call('ZREVRANGE', keys.dead_at, 0, (cause == '' and limit or SCAN_MAX) - 1)
    local reply = {}
    for i = 1, #ids do
        local record = dead_record(keys, ids[i])
        if record and (cause == '' or record[2] == cause) and #reply < limit * 7 then
            local fields = record[1]
            local row = {
                ids[i], record[4], record[2], record[3], clipped(field(fields, 'kind') or '', KIND_BYTES_MAX),
                int(number_field(fields, 'attempt')), int(number_field(fields, 'recoveries')),
            }
            for j = 1, #row do reply[#reply + 1] = row[j] end
        end
    end
    return reply
end

redis.register_function{ function_name = 'pond_dead', callback = dead, flags = { 'no-writes' } }
