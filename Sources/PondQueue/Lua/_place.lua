-- Where a job is, as {id, state, since, owner, due, cause, error, group, letter, entry, idle_ms, fields}; what does not
-- apply is missing. state is ready, running, held, dead or unknown.
local function look_up(keys, id)
    local due = redis.call('ZSCORE', keys.due, id)
    local held = due and redis.call('HGET', keys.held, id)
    if held then
        local ok, fields = pcall(cmsgpack.unpack, held)
        if not ok or type(fields) ~= 'table' then fields = { 'data', held } end
        return { id = id, state = 'held', due = int(tonumber(due)), fields = fields }
    end
    local found = find_entry(keys, id)
    if found then
        found.id, found.state, found.since = id, 'ready', string.match(found.entry, '^%d+')
        if found.owner then found.state, found.since = 'running', int(now_ms() - found.idle_ms) end
        return found
    end
    local record = dead_record(keys, id)
    if not record then return { id = id, state = 'unknown', fields = {} } end
    return {
        id = id, state = 'dead', since = record[4], cause = record[2], error = record[3], group = record[5], fields = record[1],
    }
end
