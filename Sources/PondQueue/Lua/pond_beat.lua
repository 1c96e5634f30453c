-- A worker says that it lives, and hears what it must know: who is lost, what is cancelled, when the next job is due.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  lease in ms   3  '1' to take a census as well, or ''   4  what the worker is and does (JSON)
--          5 …  any of  'load:' and what a supervisor wants to know (see pond_scale)
--                       'facts:' and what is known of the jobs that the next speaks of (see _journal)
--                       'events:' and what the journal is to be told of running jobs: `started DETAIL` or `progress DETAIL`,
--                       each ended by a byte 30
--            …  a running job's id and the micro-dollars that all its tries have reported, for each that spent some
-- returns  {now_ms, next_due_ms or 0, paused 0|1, standing, next_expiry_ms or 0,
--           number of lost consumers, consumer, …, number of cancelled jobs of this consumer, id, …}
--          standing is `alive`, `new` (first beat), next_expiry_ms the moment at which the next other beat runs out
--          that has not run out yet

local LOST_MAX = 16
local INFO_BYTES_MAX = 8192
local CANCEL_SCAN_MAX = 1000
local GONE_IDLE_MS = 5000
local SPENT_WORDS_MAX = 2048   -- two for each of a worker's slots
local LOAD_BYTES_MAX = 512
local NEWS_WORDS_MAX = 2048
local NEWS_BYTES_MAX = 1280

-- When nobody at all has beaten for half a lease (more than a beat) the server was away, or its clock jumped: every
-- beat looks old though every worker lives. Nobody is declared lost until they have had the same time to beat again.
local function half(lease)
    return math.floor(lease / 2)
end

local function notice_silence(keys, now, lease)
    local newest = redis.call('ZREVRANGE', keys.beats, 0, 0, 'WITHSCORES')
    local at = newest[2] and tonumber(newest[2])
    if not at then return end
    if at > now + 1000 then
        local ahead = redis.call('ZRANGEBYSCORE', keys.beats, '(' .. int(now + 1000), '+inf')
        for i = 1, #ahead do redis.call('ZADD', keys.beats, int(now), ahead[i]) end
    elseif at < now - half(lease) then
        redis.call('HSET', keys.meta, 'no_reclaim_before_ms', int(now + half(lease)))
    end
end

-- From when on workers may be declared lost: now, or the end of such a grace. None reaches further ahead than it was ever
-- given: the clock may have been turned back since.
local function reclaim_from(keys, now, lease)
    local before = tonumber(redis.call('HGET', keys.meta, 'no_reclaim_before_ms') or '0')
    return before > now and before <= now + half(lease) and before or now
end

-- Owners that never beat (their beat was deleted, or they read without the library) get one lease from now. Whoever
-- owns nothing and does not beat has gone, and could not be removed from this stream at the time.
local function tend_consumers(keys, stream, now)
    local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
    local parked = 0
    if is_error(consumers) then return parked end
    for i = 1, #consumers do
        local info = pairs_of(consumers[i])
        if info.name == PARKER then
            parked = parked + info.pending
        elseif info.pending > 0 then
            redis.call('ZADD', keys.beats, 'NX', int(now), info.name)
        elseif info.idle > GONE_IDLE_MS and not redis.call('ZSCORE', keys.beats, info.name) then
            redis.pcall('XGROUP', 'DELCONSUMER', stream, GROUP, info.name)
        end
    end
    return parked
end

-- A stream that was given an id of the far future by hand accepts no new jobs, or only with wrong ages; once it is
-- empty it is made anew.
local function renew_if_misnumbered(stream, now)
    local info = redis.pcall('XINFO', 'STREAM', stream)
    if is_error(info) then return end
    info = pairs_of(info)
    local last_ms = tonumber(string.match(info['last-generated-id'], '^(%d+)'))
    if info.length == 0 and last_ms > now + FUTURE_ID_MS then
        redis.call('DEL', stream)
        ensure_group(stream)
    end
end

local function take_census(keys, consumer, now)
    local parked = 0
    for i = 1, #CODES do
        parked = parked + tend_consumers(keys, keys[CODES[i]], now)
        renew_if_misnumbered(keys[CODES[i]], now)
    end
    tend_consumers(keys, keys.bell, now)
    -- Should somebody have taken it away, no saga would ever be woken by its time.
    if redis.pcall('ZCARD', keys.waits) ~= 0 then redis.pcall('HSET', keys.meta, 'waits', '1') end
    if redis.pcall('ZCARD', keys.sagas) ~= 0 then pcall(saga.forget_old, keys, now) end
    if parked > 0 or redis.pcall('HLEN', keys.limited) ~= 0 or redis.pcall('HLEN', keys.granted) ~= 0 then
        pcall(lanes.tend, keys, parked, now)
    end
    pcall(tend_journal, keys, consumer)
end

local function append_lost(keys, reply, consumer, now, lease)
    local lost = {}
    if reclaim_from(keys, now, lease) == now then
        lost = redis.call('ZRANGEBYSCORE', keys.beats, '-inf', int(now - lease), 'LIMIT', 0, LOST_MAX)
    end
    reply[#reply + 1] = int(#lost)
    for i = 1, #lost do reply[#reply + 1] = lost[i] end
end

local function append_cancelled(keys, reply, consumer)
    local at, found = #reply + 1, 0
    reply[at] = '0'
    if not any_cancel(keys) then return end
    local flags = redis.call('HGETALL', keys.cancel)
    for i = 1, math.min(#flags, 2 * CANCEL_SCAN_MAX), 2 do
        if flags[i + 1] == consumer then
            reply[#reply + 1] = flags[i]
            found = found + 1
        end
    end
    reply[at] = int(found)
end

-- When the next other beat runs out, so that its jobs are taken over then and not a beat later. Those that have run out
-- already do not hide it: several workers may die within one beat.
local function next_expiry(keys, consumer, now, lease)
    local from = reclaim_from(keys, now, lease)
    if from > now and redis.call('ZCOUNT', keys.beats, '-inf', int(now - lease)) > 0 then return int(from) end
    local alive = redis.call('ZRANGEBYSCORE', keys.beats, '(' .. int(now - lease), '+inf', 'WITHSCORES', 'LIMIT', 0, 2)
    local at = alive[1] ~= consumer and alive[2] or alive[4]
    return at and int(math.max(tonumber(at) + lease, from)) or '0'
end

-- What running jobs have spent is known to their worker alone; should it die, whoever takes over must know as well.
local function note_spent(keys, consumer, args, first)
    if #args < first then return redis.call('HDEL', keys.spent, consumer) end
    redis.call('HSET', keys.spent, consumer, cmsgpack.pack({ unpack(args, first, first - 1 + SPENT_WORDS_MAX) }))
end

-- Only what a beat may tell: of a job's end nobody is told who has not settled it.
local TOLD = { started = true, progress = true }

local function note_news(keys, consumer, text, facts)
    local events = { facts = facts and #facts <= FACTS_BYTES_MAX and facts or nil }
    for event, detail in string.gmatch(text, '(%l+) ([^\30]*)\30') do
        if TOLD[event] and #events < NEWS_WORDS_MAX then note(events, event, clipped(detail, NEWS_BYTES_MAX)) end
    end
    write_journal(keys, consumer, events)
end

-- What follows the first four arguments. None of it is worth a beat that fails.
local function note_rest(keys, consumer, args)
    local said, at = {}, 5
    while args[at] do
        local name, text = string.match(args[at], '^(%l+):(.*)')
        if not name then break end
        said[name], at = text, at + 1
    end
    pcall(note_spent, keys, consumer, args, at)
    if said.load and #said.load <= LOAD_BYTES_MAX then redis.pcall('HSET', keys.load, consumer, said.load) end
    if said.events then pcall(note_news, keys, consumer, said.events, said.facts) end
end

local function beat(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, lease = args[1], whole_number(args[2])
    if not lease or lease < 100 or #args < 4 or #args[4] > INFO_BYTES_MAX or #consumer > 256 then
        return redis.error_reply('INVALID beat: expected a consumer, a lease of at least 100 ms, a census flag and '
            .. 'at most ' .. INFO_BYTES_MAX .. ' bytes of worker information')
    end
    local now = now_ms()
    notice_silence(keys, now, lease)
    if args[3] == '1' then take_census(keys, consumer, now) end
    local standing = redis.call('ZADD', keys.beats, int(now), consumer) == 1 and 'new' or 'alive'
    redis.call('HSET', keys.workers, consumer, args[4])
    note_rest(keys, consumer, args)
    local reply = {
        int(now), lanes.earliest(keys, now, saga.earlier(next_due(keys), saga.next_due(keys))), int(redis.call('HEXISTS', keys.meta, 'paused_ms')), standing,
        next_expiry(keys, consumer, now, lease),
    }
    append_lost(keys, reply, consumer, now, lease)
    append_cancelled(keys, reply, consumer)
    return reply
end

redis.register_function{ function_name = 'pond_beat', callback = beat, flags = { 'allow-oom' } }
