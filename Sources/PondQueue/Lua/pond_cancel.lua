-- Cancels a job that has not ended.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  'cancelled', 'cancelling' (in flight: its worker hears it at its next beat; a saga undoes first what it did) or
--          'unknown'

local function cancel(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local events = {}
    local answer = joins.cancel(keys, args[1] or '', now_ms(), events)
    write_journal(keys, '', events)
    return answer
end

redis.register_function{ function_name = 'pond_cancel', callback = cancel, flags = { 'allow-oom' } }
