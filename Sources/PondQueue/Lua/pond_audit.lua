-- Writes down what somebody did to many of the dead; the record is capped.
-- KEYS     1  the queue, mp:{q}
-- ARGV     field, value, …: by, action, group, jobs, reason and others; at most 16 pairs of at most 1 KiB each
-- returns  the id of the entry

local AUDIT_WORDS_MAX = 32

local function audit(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args < 2 or #args % 2 ~= 0 or #args > AUDIT_WORDS_MAX then
        return redis.error_reply('INVALID audit: expected 1 to ' .. AUDIT_WORDS_MAX / 2 .. ' pairs of field and value')
    end
    local words = {}
    for i = 1, #args do words[i] = clipped(args[i], LAST_ERROR_BYTES_MAX) end
    return redis.call('XADD', keys.audit, 'MAXLEN', '~', AUDIT_ENTRIES_MAX, '*', unpack(words))
end

redis.register_function{ function_name = 'pond_audit', callback = audit, flags = { 'allow-oom' } }
