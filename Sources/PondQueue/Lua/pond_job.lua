-- Where a job is, since when, and what is stored of it.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  {'id', …, 'state', …, 'since_ms', …, 'owner', …, 'due_ms', …, 'attempt', …, 'cause', …, 'error', …,
--           'fields', number of pairs, field, value, …}
--          state is ready, running, held, dead or unknown; what does not apply is ''. `attempt` counts finished tries.

local function describe(id, state, facts, fields)
    local reply = {
        'id', id, 'state', state, 'since_ms', facts.since or '', 'owner', facts.owner or '', 'due_ms', facts.due or '',
        'attempt', int(number_field(fields, 'attempt')), 'cause', facts.cause or '', 'error', facts.error or '',
        'fields', int(#fields / 2),
    }
    for i = 1, #fields do reply[#reply + 1] = fields[i] end
    return reply
end

local function describe_entry(id, found)
    if not found.owner then
        return describe(id, 'ready', { since = string.match(found.entry, '^%d+') }, found.fields)
    end
    return describe(id, 'running', { owner = found.owner, since = int(now_ms() - found.idle_ms) }, found.fields)
end

local function job(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id = args[1] or ''
    local due = redis.call('ZSCORE', keys.due, id)
    local held = due and redis.call('HGET', keys.held, id)
    if held then
        local ok, fields = pcall(cmsgpack.unpack, held)
        if not ok or type(fields) ~= 'table' then fields = { 'data', held } end
        return describe(id, 'held', { due = int(tonumber(due)) }, fields)
    end
    local found = find_entry(keys, id)
    if found then return describe_entry(id, found) end
    local record = dead_record(keys, id)
    if record then
        return describe(id, 'dead', { since = record[4], cause = record[2], error = record[3] }, record[1])
    end
    return describe(id, 'unknown', {}, {})
end

redis.register_function{ function_name = 'pond_job', callback = job, flags = { 'no-writes' } }
