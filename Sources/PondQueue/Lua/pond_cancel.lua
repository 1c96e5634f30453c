-- Cancels a job that has not ended.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  'force' to cancel a saga behind its pivot, too; '' or nothing
-- returns  'cancelled', 'cancelling' (in flight: its worker hears it at its next beat; a saga undoes first what it did) or
--          'unknown'
-- errors   FORWARDONLY …: the saga is behind its pivot, where it goes forward only; nothing was changed

local function cancel(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local events = {}
    local answer, pivot = joins.cancel(keys, args[1] or '', now_ms(), events, args[2] == 'force' and 'force' or nil)
    if answer == 'forward_only' then
        return redis.error_reply('FORWARDONLY saga ' .. args[1] .. ' is behind its pivot (' .. pivot .. '), from where it goes '
            .. 'forward only; forced, it undoes what it did before the pivot, too. Nothing was changed')
    end
    write_journal(keys, '', events)
    return answer
end

redis.register_function{ function_name = 'pond_cancel', callback = cancel, flags = { 'allow-oom' } }
