-- Exports: places drop_entry find_entry dead_record end_held entries_added measure_streams checked WORKER_ALIVE_MS

-- The places of a job, in one table. Whoever asks where jobs are goes through it: pond_job, pond_why, pond_fates,
-- pond_cancel, the keys, the depth and its limit, exports. So a new place is one entry here, and nothing forgets it. A job
-- that is in none of them has ended. An entry has
--     states   the states of a job there. Of each: where it stands in answers (a new one is the last), its count's name
--              where that is another, what it is to the job's key (queued, running or dead), and the states that it may get
--              into from there; `ended` is no place
--     find     (keys, id): the job there, nil when it is not: {state, fields, …}, as places.look_up returns it
--     holds    (keys, id): its state, and its fence where that may be known; as find, for less
--     measure  (keys, now, total): adds to the counts of its states in `total`, and to total.age
--     size     (keys): how many jobs count against max_depth; missing where none do
--     drop     (keys, found): takes away a job that nobody runs; missing where a cancel changes nothing
--     keys     the names of its keys, each with a command that works on a key of its type alone
--     codes  its codes for pond_export; of a sorted set with the jobs' times also
--     set      the set's name, and
--     read     (keys, id): the job's fields and facts, nil when it is not there

places = {}

WORKER_ALIVE_MS = 4000

function checked(total, name, ...)
    local reply = redis.pcall(...)
    if not is_error(reply) then return reply end
    total.fault = name .. ': ' .. reply.err
    return 0
end

local function found_at(keys, code, entry)
    local ok, fields = pcall(entry_fields, keys[code], entry)
    -- What is no stream and no entry holds no job; but a job that this user may not see is not nowhere.
    if not ok and is_forbidden(fields) then error(fields) end
    if not ok or not fields then return nil end
    local pending = redis.pcall('XPENDING', keys[code], GROUP, entry, entry, 1)
    if is_error(pending) and is_forbidden(pending) then error(pending) end
    local owner = not is_error(pending) and pending[1] or nil
    local is_limited = owner and owner[2] == PARKER
    if is_limited then owner = nil end
    return {
        state = is_limited and 'limited' or owner and 'running' or 'ready', code = code, entry = entry, fields = fields,
        owner = owner and owner[2] or nil, idle_ms = owner and owner[3] or 0,
    }
end

-- The ready or running job with this id, or nil. An id that was never moved names its own entry.
function find_entry(keys, id)
    local pointer = redis.call('HGET', keys.moved, id)
    if pointer then return found_at(keys, string.sub(pointer, 1, 1), string.sub(pointer, 2)) end
    local entry, code = string.match(id, '^(%d+%-%d+)([fhl]?)$')
    if not entry then return nil end
    if code ~= '' then return found_at(keys, code, entry) end
    -- A producer that appended to `ready:high` itself knows its job by the bare entry id.
    for _, candidate in ipairs({ 'n', 'h', 'l' }) do
        local found = found_at(keys, candidate, entry)
        local claimed = found and field(found.fields, 'id')
        if found and not (claimed and redis.call('HGET', keys.moved, claimed) == candidate .. entry) then return found end
    end
    return nil
end

local function oldest_age(key, last_delivered, now)
    local first = redis.pcall('XRANGE', key, '(' .. last_delivered, '+', 'COUNT', 1)
    if is_error(first) or not first[1] then return 0 end
    return math.max(0, now - tonumber(string.match(first[1][1], '^(%d+)')))
end

-- Never by the group's lag: one entry that was deleted undelivered makes Redis forget it until the group drains.
local function measure_stream(key, now, total)
    local length = redis.pcall('XLEN', key)
    if is_error(length) then
        total.fault = key .. ': ' .. length.err
        return
    end
    local info = group_info(key)
    local pending = info and info.pending or 0
    total.running = total.running + pending
    total.ready = total.ready + math.max(0, length - pending)
    if length == 0 then return end
    total.age = math.max(total.age, oldest_age(key, info and info['last-delivered-id'] or '0-0', now))
end

function measure_streams(keys, now, total)
    for i = 1, #CODES do measure_stream(keys[CODES[i]], now, total) end
    -- What a limit holds is delivered to somebody who does not run it.
    total.limited = checked(total, keys.limited, 'HLEN', keys.limited)
    total.running = math.max(0, total.running - total.limited)
end

-- Takes the entry of a job away that nobody runs.
function drop_entry(keys, found)
    if found.state == 'limited' then
        places.lanes.forget(keys, found.code, found.entry)
        redis.call('XACK', keys[found.code], GROUP, found.entry)
    end
    redis.call('XDEL', keys[found.code], found.entry)
end

-- Entries ever added; a stream that does not exist has none.
function entries_added(key)
    local info = redis.pcall('XINFO', 'STREAM', key)
    if is_error(info) then return 0 end
    return pairs_of(info)['entries-added'] or 0
end

function end_held(keys, id)
    redis.call('ZREM', keys.due, id)
    redis.call('HDEL', keys.held, id)
end

-- A dead record is {fields, cause, error, died_ms, group}.
function dead_record(keys, id)
    local packed = redis.call('HGET', keys.dead, id)
    if not packed then return nil, nil end
    local ok, record = pcall(cmsgpack.unpack, packed)
    if not ok or type(record) ~= 'table' or type(record[1]) ~= 'table' then return nil, packed end
    return record, packed
end

local function read_held(keys, id)
    local packed = redis.call('HGET', keys.held, id)
    if not packed then return nil end
    local ok, fields = pcall(cmsgpack.unpack, packed)
    -- Not all that is held was packed by this library.
    if not ok or type(fields) ~= 'table' then fields = { 'data', packed } end
    return fields, {}
end

local function read_waiting(keys, id)
    local packed = redis.call('HGET', keys.waiting, id)
    if not packed then return nil end
    local ok, fields = pcall(cmsgpack.unpack, packed)
    if not ok or type(fields) ~= 'table' then fields = { 'data', packed } end
    return fields, {}
end

local held = {
    states = { { name = 'held', rank = 3, key = 'queued', moves = 'ready dead waiting ended' } },
    codes = 'd', set = 'due', read = read_held, keys = { held = 'HLEN', due = 'ZCARD' },
    size = function(keys) return redis.call('ZCARD', keys.due) end,
    drop = function(keys, found) end_held(keys, found.id) end,
    holds = function(keys, id) return redis.call('HEXISTS', keys.held, id) == 1 and 'held' or nil end,
    find = function(keys, id)
        local due, fields = redis.call('ZSCORE', keys.due, id), read_held(keys, id)
        if not fields then return nil end
        return { id = id, state = 'held', due = due and int(tonumber(due)) or nil, fields = fields }
    end,
    measure = function(keys, _, total) total.held = checked(total, keys.due, 'ZCARD', keys.due) end,
}

-- Who fetched an entry runs its job, so both states are of the same streams.
local streams = {
    states = {
        { name = 'ready', rank = 1, key = 'queued', moves = 'running limited waiting ended' },
        { name = 'running', rank = 2, count = 'in_flight', key = 'running', moves = 'ready held dead waiting ended' },
        { name = 'limited', rank = 6, key = 'queued', moves = 'running ended' },
    },
    codes = 'fhnl', keys = { limited = 'HLEN', blocked = 'ZCARD', granted = 'HLEN' },   -- what is no stream is told of as it is measured
    measure = measure_streams,
    size = function(keys)
        local size = 0
        for i = 1, #CODES do size = size + redis.call('XLEN', keys[CODES[i]]) end
        return size
    end,
    drop = function(keys, found)
        unpoint(keys, found.id, found.code, found.entry)
        drop_entry(keys, found)
    end,
    holds = function(keys, id)
        local found = find_entry(keys, id)
        if found then return found.state, number_field(found.fields, 'fence') end
        return nil
    end,
    find = function(keys, id)
        local found = find_entry(keys, id)
        if not found then return nil end
        found.id, found.since = id, string.match(found.entry, '^%d+')
        if found.owner then found.since = int(now_ms() - found.idle_ms) end
        return found
    end,
}

local function read_dead(keys, id)
    local record, packed = dead_record(keys, id)
    if record then return record[1], { since = record[4], cause = record[2], error = record[3], group = record[5] } end
    return packed and { 'data', packed }, {}
end

local dead = {
    states = { { name = 'dead', rank = 4, key = 'dead', moves = 'ready ended' } },
    codes = 'x', set = 'dead_at', read = read_dead, keys = { dead = 'HLEN', dead_at = 'ZCARD', causes = 'HLEN' },
    holds = function(keys, id) return redis.call('HEXISTS', keys.dead, id) == 1 and 'dead' or nil end,
    find = function(keys, id)
        local fields, found = read_dead(keys, id)
        if not fields then return nil end
        found.id, found.state, found.fields = id, 'dead', fields
        return found
    end,
    measure = function(keys, _, total) total.dead = checked(total, keys.dead, 'HLEN', keys.dead) end,
}

local NO_DUE = 99999999999999   -- of a saga that no time wakes

-- Sagas that wait for a time, a token, a signal or their children, or that are paused.
local waiting = {
    states = { { name = 'waiting', rank = 5, key = 'queued', moves = 'ready ended' } },
    codes = '',   -- what it remembers is no part of a job, so an export leaves it out
    keys = { waiting = 'HLEN', waits = 'ZCARD', sagas = 'ZCARD' },
    holds = function(keys, id) return redis.call('HEXISTS', keys.waiting, id) == 1 and 'waiting' or nil end,
    size = function(keys) return redis.call('ZCARD', keys.waits) end,
    drop = function(keys, found)
        redis.call('ZREM', keys.waits, found.id)
        redis.call('HDEL', keys.waiting, found.id)
    end,
    find = function(keys, id)
        local fields = read_waiting(keys, id)
        if not fields then return nil end
        local due = tonumber(redis.call('ZSCORE', keys.waits, id) or NO_DUE)
        return {
            id = id, state = 'waiting', since = redis.call('HGET', keys.saga .. id, 'since_ms') or nil,
            due = due < NO_DUE and int(due) or nil, fields = fields,
        }
    end,
    measure = function(keys, _, total) total.waiting = checked(total, keys.waits, 'ZCARD', keys.waits) end,
}

-- In the order in which they are asked for a job. A job moves by being added first and removed last, so what a move that
-- failed half-way left in two places is found where it is going to.
places.ALL = { held, streams, dead, waiting }
-- Where a job begins.
places.BEGINS = 'ready held'

-- All states, what each is to a job's key, and the codes of its export, of which what runs is left out.
places.STATES, places.KEY_STATE, places.CODES = {}, {}, {}
for i = 1, #places.ALL do
    local states = places.ALL[i].states
    for j = 1, #states do
        places.STATES[states[j].rank] = states[j]
        places.KEY_STATE[states[j].name] = states[j].key
        places.CODES[states[j].name] = states[j].key == 'running' and '' or places.ALL[i].codes
    end
end

-- The job with this id and the place that it is in, nil when it has ended: {id, state, since, owner, due, cause, error, group,
-- code, entry, idle_ms, fields}; what does not apply is missing.
function places.find(keys, id)
    for i = 1, #places.ALL do
        local found = places.ALL[i].find(keys, id)
        if found then return found, places.ALL[i] end
    end
    return nil
end

-- The same to be told to a client: in state unknown when it has ended, and never larger than a job.
function places.look_up(keys, id)
    local found = places.find(keys, id)
    if not found then return { id = id, state = 'unknown', fields = {} } end
    found.fields = bounded(found.fields)
    return found
end

-- Where the job of a key is: queued, running or dead, and its fence where that may be known; nil when it has ended.
function places.key_state(keys, id)
    for i = 1, #places.ALL do
        local state, fence = places.ALL[i].holds(keys, id)
        if state then return places.KEY_STATE[state], fence end
    end
    return nil
end

-- How many jobs count against max_depth.
function places.depth(keys)
    local depth = 0
    for i = 1, #places.ALL do
        local size = places.ALL[i].size
        if size then depth = depth + size(keys) end
    end
    return depth
end

-- How many jobs are in each state, how old the oldest ready one is, and what is wrong with a key, '' when all is well.
function places.measure(keys, now)
    local total = { age = 0, fault = '' }
    for i = 1, #places.STATES do total[places.STATES[i].name] = 0 end
    for i = 1, #places.ALL do
        local place = places.ALL[i]
        place.measure(keys, now, total)
        for name, command in pairs(place.keys) do checked(total, keys[name], command, keys[name]) end
    end
    return total
end

-- Adds the counts of the states from one rank to another to a reply of names and values.
function places.append_counts(reply, total, first, last_rank)
    for i = first, last_rank do
        local last, state = #reply, places.STATES[i]
        reply[last + 1], reply[last + 2] = state.count or state.name, int(total[state.name])
    end
end
