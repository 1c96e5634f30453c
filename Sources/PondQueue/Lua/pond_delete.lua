-- Deletes a queue that holds no job and that nobody serves, with all it remembers: keys of done jobs, journal, audit,
-- limits. Its service levels run out by themselves. The set of known queues is another key, and the caller's to change.
-- KEYS     1  the queue, mp:{q}
-- ARGV     none
-- returns  'deleted', or the first state that jobs are in: 'ready', 'in_flight', 'held', 'dead', 'waiting' or 'limited'; 'workers'
--          when it is served

local PLAIN = {
    'f', 'h', 'n', 'l', 'held', 'due', 'dead', 'dead_at', 'causes', 'groups', 'groups_empty', 'audit', 'beats', 'workers',
    'load', 'meta', 'journal', 'moved', 'started', 'spent', 'cancel', 'bell', 'live', 'epochs', 'result_epochs',
    'waiting', 'waits', 'sagas', 'limited', 'blocked', 'granted', 'needs',
}

-- Keys whose names are written in another: `list` names them, `prefix` goes before.
local function delete_named(list, prefix)
    for i = 1, #list do redis.call('UNLINK', prefix .. list[i]) end
end

-- The names in a key; none when it is of another type, which is deleted all the same.
local function names_in(...)
    local reply = redis.pcall(...)
    return is_error(reply) and {} or reply
end

local function delete(names)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    local total = places.measure(keys, now)
    for i = 1, #places.STATES do
        local state = places.STATES[i]
        if total[state.name] > 0 then return state.count or state.name end
    end
    local alive = checked(total, keys.beats, 'ZCOUNT', keys.beats, int(now - WORKER_ALIVE_MS), '+inf')
    if alive > 0 then return 'workers' end
    if total.fault ~= '' then return redis.error_reply('WRONGTYPE ' .. total.fault) end
    delete_named(names_in('HKEYS', keys.groups), keys.group)
    delete_named(names_in('ZRANGE', keys.groups_empty, 0, -1), keys.group)
    delete_named(names_in('ZRANGE', keys.epochs, 0, -1), keys.epoch)
    delete_named(names_in('ZRANGE', keys.result_epochs, 0, -1), keys.results)
    local sagas = names_in('ZRANGE', keys.sagas, 0, -1)
    for i = 1, #sagas do saga.forget(keys, sagas[i]) end
    delete_named(names_in('ZRANGE', keys.blocked, 0, -1), keys.blocked_by)
    for i = 1, #PLAIN do redis.call('UNLINK', keys[PLAIN[i]]) end
    return 'deleted'
end

redis.register_function{ function_name = 'pond_delete', callback = delete, flags = { 'allow-oom' } }
