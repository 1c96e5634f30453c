-- Where a job is, since when, and what is stored of it.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  {'id', …, 'state', …, 'since_ms', …, 'owner', …, 'due_ms', …, 'attempt', …, 'cause', …, 'error', …,
--           'fields', number of pairs, field, value, …}
--          state is ready, running, held, dead, waiting or unknown; what does not apply is ''. `attempt` counts finished tries.

local function job(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local found = places.look_up(keys, args[1] or '')
    local reply = {
        'id', found.id, 'state', found.state, 'since_ms', found.since or '', 'owner', found.owner or '',
        'due_ms', found.due or '', 'attempt', int(number_field(found.fields, 'attempt')), 'cause', found.cause or '',
        'error', found.error or '', 'fields', int(#found.fields / 2),
    }
    for i = 1, #found.fields do reply[#reply + 1] = found.fields[i] end
    return reply
end

redis.register_function{ function_name = 'pond_job', callback = job, flags = { 'no-writes' } }
