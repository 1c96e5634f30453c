-- What decides why a job is where it is: its place, what is before it, and who could take it.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id
-- returns  {'id', …, 'state', …, 'since_ms', …, 'owner', …, 'due_ms', …, 'cause', …, 'error', …, 'group', …,
--           'ahead', jobs that are fetched before it, 'ahead_exact' 0|1, 'cancelling' 0|1, 'owner_beat_ms', …,
--           'owner_about', …, 'reclaim_from_ms', …, 'now_ms', …, 'ready', n, 'in_flight', n, 'held', n, 'workers', n,
--           'paused_ms', …, 'paused_reason', …, for state limited 'limit', …, 'limit_reason', …, 'limit_before', n,
--           'limit_due_ms', …, 'attempt', …, 'fields', number of pairs, field, value, …}
--          as pond_job says it; of the fields all but the payload, which nobody needs for that.

-- So many jobs before a waiting one are counted; of more it is said about how many they are.
local AHEAD_COUNTED = 16

local function ms_of(entry)
    return tonumber(string.match(entry, '^%d+'))
end

-- Jobs of a stream that nobody has fetched, and the group's last delivered id; 0 for what is no stream.
local function undelivered(key)
    local length, info = redis.pcall('XLEN', key), group_info(key)
    if is_error(length) then return 0, '0-0' end
    local pending = info and info.pending or 0
    return math.max(0, length - pending), info and info['last-delivered-id'] or '0-0'
end

-- Far from the head the time in the ids tells about how many are before: as if they had come at an even rate.
local function ahead_in_stream(key, entry)
    local waiting, delivered = undelivered(key)
    local head = redis.call('XRANGE', key, '(' .. delivered, '+', 'COUNT', AHEAD_COUNTED + 1)
    for i = 1, #head do
        if head[i][1] == entry then return i - 1, true end
    end
    local tail = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
    if not head[1] or not tail[1] then return 0, false end
    local first, last = ms_of(head[1][1]), ms_of(tail[1][1])
    local part = last > first and (ms_of(entry) - first) / (last - first) or 1
    local before = math.floor(waiting * math.min(math.max(part, 0), 1))
    return math.max(#head, math.min(before, waiting - 1)), false
end

local function ahead_of(keys, found)
    local ahead = 0
    for i = 1, #CODES do
        local code = CODES[i]
        if code == found.code then
            local own, exact = ahead_in_stream(keys[code], found.entry)
            return ahead + own, exact
        end
        ahead = ahead + undelivered(keys[code])
    end
    return ahead, false
end

local function append_place(keys, reply, found)
    local ahead, exact
    if found.state == 'ready' then ahead, exact = ahead_of(keys, found) end
    local beat = found.owner and redis.pcall('ZSCORE', keys.beats, found.owner)
    local about = found.owner and redis.pcall('HGET', keys.workers, found.owner)
    local cancelling = redis.pcall('HEXISTS', keys.cancel, found.id) == 1
    for _, word in ipairs({
        'ahead', ahead and int(ahead) or '', 'ahead_exact', exact and '1' or '0', 'cancelling', cancelling and '1' or '0',
        'owner_beat_ms', tonumber(beat) and int(tonumber(beat)) or '',
        'owner_about', type(about) == 'string' and about or '',
    }) do
        reply[#reply + 1] = word
    end
end

local function append_queue(keys, reply, now)
    local total = places.measure(keys, now)
    local alive = checked(total, keys.beats, 'ZCOUNT', keys.beats, int(now - WORKER_ALIVE_MS), '+inf')
    local meta = redis.pcall('HMGET', keys.meta, 'paused_ms', 'paused_reason', 'no_reclaim_before_ms')
    if is_error(meta) then meta = {} end
    places.append_counts(reply, total, 1, #places.STATES)
    for _, word in ipairs({
        'now_ms', int(now), 'workers', int(alive), 'paused_ms', meta[1] or '', 'paused_reason', meta[2] or '', 'reclaim_from_ms', meta[3] or '',
    }) do
        reply[#reply + 1] = word
    end
end

-- Which limit holds a job, why, how many go before it and about when its turn is.
local function append_limit(keys, reply, found)
    local context = limits.open(keys, now_ms())
    context.is_read_only = true
    local told = lanes.explain(context, found.code, found.entry)
    if not told then return end
    for _, word in ipairs({
        'limit', told.name, 'limit_reason', told.reason, 'limit_before', int(told.before),
        'limit_due_ms', told.due and int(told.due) or '',
    }) do
        reply[#reply + 1] = word
    end
end

local function why(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local found = places.look_up(keys, args[1] or '')
    local reply = {
        'id', found.id, 'state', found.state, 'since_ms', found.since or '', 'owner', found.owner or '',
        'due_ms', found.due or '', 'cause', found.cause or '', 'error', found.error or '', 'group', found.group or '',
        'attempt', int(number_field(found.fields, 'attempt')),
    }
    if found.state == 'unknown' then
        -- Most queues that are asked for an id do not have it.
        reply[#reply + 1], reply[#reply + 2], reply[#reply + 3], reply[#reply + 4] = 'now_ms', int(now_ms()), 'fields', '0'
        return reply
    end
    append_place(keys, reply, found)
    append_queue(keys, reply, now_ms())
    if found.state == 'limited' then append_limit(keys, reply, found) end
    local fields = with_fields(found.fields, { data = false })
    reply[#reply + 1], reply[#reply + 2] = 'fields', int(#fields / 2)
    for i = 1, #fields do reply[#reply + 1] = fields[i] end
    return reply
end

redis.register_function{ function_name = 'pond_why', callback = why, flags = { 'no-writes' } }
