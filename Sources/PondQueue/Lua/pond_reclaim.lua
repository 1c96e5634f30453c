-- Takes over what a lost consumer had in flight: back to the front, with one recovery more, or to the dead. A consumer that
-- had said that it was told to stop is no evidence against its jobs: who stopped it did not wait for them, so that is
-- counted apart, and kills nobody.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the lost consumer   2  who takes over, for the journal   3  lease in ms   4  recoveries within a day that
--             make a job dead, unless `recoveries_max` of meta says otherwise
-- returns  {moved, buried, '1' when more is left or '0'}; {'0','0','0'} when the consumer has beaten meanwhile

-- A job that only waited in workers that died is innocent; but bytes may kill before they are a job, so even then there
-- is an end.
local UNSTARTED_MAX = 9

local function poison_text(recoveries, unstarted, lost)
    if unstarted >= UNSTARTED_MAX then
        return int(unstarted) .. ' workers died before they had started it; the last was ' .. lost
    end
    return 'its worker died ' .. int(recoveries) .. ' times while it ran; the last was ' .. lost
end

-- Whether the lost worker may have run the job. One that outlived a worker already is only run after its start was
-- written down, so that of a second death none but the jobs that ran are suspected.
local function may_have_run(keys, code, entry, id, fields)
    if number_field(fields, 'recoveries') == 0 then return true end
    return redis.pcall('HGET', keys.started, id) == code .. entry
end

-- Until its last beat the worker lived, and so the job may have run since it was delivered.
local function run_ms(context, idle)
    return math.max(0, idle - (context.now - context.last_beat))
end

-- What the lost worker said at its last beat that its jobs had spent, as id → micro-dollars over all tries.
local function last_spent(keys, lost)
    local packed = redis.pcall('HGET', keys.spent, lost)
    if type(packed) ~= 'string' then return {} end
    local ok, flat = pcall(cmsgpack.unpack, packed)
    return ok and type(flat) == 'table' and pairs_of(flat) or {}
end

local function spent_usd(context, id, fields)
    local before, reported = number_field(fields, 'spent_usd_micros'), whole_number(context.spent[id]) or 0
    local most = math.max(before, reported)
    return most > 0 and int(most) or nil
end

-- How long the job had waited when its first try began, which nobody else can tell any more.
local function waited_ms(context, fields, entry, idle)
    local written, ready = field(fields, 'waited_ms'), tonumber(string.match(entry, '^%d+'))
    return written or int(math.max(0, context.now - idle - ready))
end

-- Whether the lost worker had been told to stop, by what it said of itself at its last beat.
local function was_stopping(keys, lost)
    local about = redis.pcall('HGET', keys.workers, lost)
    if type(about) ~= 'string' then return false end
    local ok, said = pcall(cjson.decode, about)
    return ok and type(said) == 'table' and type(said.state) == 'string' and said.state ~= 'working'
end

-- The recoveries within the window, this one included, and when the first of them was.
local function count_recovery(context, fields)
    local recoveries, first = number_field(fields, 'recoveries'), whole_number(field(fields, 'recovered_ms'))
    if first and context.now - first > RECOVERY_WINDOW_MS then recoveries, first = 0, nil end
    return math.min(recoveries + 1, COUNT_MAX), first or context.now
end

-- What the loss of its worker adds to what is counted of a job.
local function counts_of(context, code, entry, id, fields, idle)
    local counts = {
        recoveries = number_field(fields, 'recoveries'), unstarted = number_field(fields, 'unstarted'),
        interrupted = number_field(fields, 'interrupted'),
        wall = number_field(fields, 'spent_wall_ms'), cpu = number_field(fields, 'spent_cpu_ms'),
    }
    if not may_have_run(context.keys, code, entry, id, fields) then
        if not context.was_stopping then counts.unstarted = math.min(counts.unstarted + 1, COUNT_MAX) end
        return counts
    end
    if context.was_stopping then
        counts.interrupted = math.min(counts.interrupted + 1, COUNT_MAX)
    else
        counts.recoveries, counts.recovered = count_recovery(context, fields)
    end
    counts.wall = math.min(counts.wall + run_ms(context, idle), MONEY_MICROS_MAX)
    counts.cpu = math.min(counts.cpu + run_ms(context, idle), MONEY_MICROS_MAX)
    return counts
end

-- A saga that ends here turns round when it has anything to undo. Returns whether it did.
local function turn_saga(context, id, fields, is_cancelled, is_poison)
    if not is_cancelled and not is_poison then return false end
    local how, reason = 'cancelled', 'cancelled'
    if not is_cancelled then how, reason = 'compensated', 'poison: its workers died' end
    if not saga.turns(context.keys, id, fields, how, reason, context.now, context.events) then return false end
    redis.call('HDEL', context.keys.cancel, id)
    context.moved = context.moved + 1
    return true
end

local function reclaim_one(context, code, entry, idle)
    local keys, now = context.keys, context.now
    local fields = entry_fields(keys[code], entry)
    if not fields then
        note(context.events, 'ghost', own_id(code, entry))
        return
    end
    local id = job_id(keys, code, entry, fields)
    limits.left_flight(keys, id, now)
    note_facts(context.events, id, fields)
    local counts = counts_of(context, code, entry, id, fields, idle)
    local recoveries, unstarted = counts.recoveries, counts.unstarted
    local changed = with_fields(fields, {
        recoveries = int(recoveries), unstarted = unstarted > 0 and int(unstarted) or nil,
        recovered_ms = counts.recovered and int(counts.recovered) or nil,
        interrupted = counts.interrupted > 0 and int(counts.interrupted) or nil,
        spent_wall_ms = int(counts.wall), spent_cpu_ms = int(counts.cpu),
        spent_usd_micros = spent_usd(context, id, fields), enqueued_ms = enqueued_ms(fields, entry, now),
        waited_ms = waited_ms(context, fields, entry, idle),
    })
    local wrong = unmovable(fields)
    local is_cancelled, is_poison = redis.call('HEXISTS', keys.cancel, id) == 1, recoveries >= context.poison
        or unstarted >= UNSTARTED_MAX
    if context.any_saga and not wrong then
        local turned = turn_saga(context, id, changed, is_cancelled, is_poison)
        if turned then return end
        if saga.state(keys, id) then changed = saga.envelope(changed) end
    end
    if is_cancelled then
        free_key(keys, fields, id)
        redis.call('HDEL', keys.cancel, id)
        note(context.events, 'cancelled', id)
        joins.job_ended(keys, id, fields, 'cancelled', now, context.events)
    elseif wrong then
        bury(keys, id, fields, 'malformed', wrong, now, context.events)
        context.buried = context.buried + 1
    elseif is_poison then
        bury(keys, id, with_fields(changed, { id = false }), 'poison', poison_text(recoveries, unstarted, context.lost),
            now, context.events)
        context.buried = context.buried + 1
    else
        local landed, failure = readd(keys, 'f', id, changed)
        if not landed then return failure end
        note(context.events, 'reclaimed', id .. ' ' .. context.lost .. ' ' .. int(recoveries)
            .. (context.was_stopping and ' stopping' or ''))
        context.moved = context.moved + 1
        return
    end
    if id ~= own_id(code, entry) then unpoint(keys, id, code, entry) end
end

local function reclaim_stream(context, code, limit)
    local key = context.keys[code]
    local pending = redis.pcall('XPENDING', key, GROUP, '-', '+', limit, context.lost)
    if is_error(pending) then return 0 end
    local finished = {}
    for i = 1, #pending do
        local entry = pending[i][1]
        local ok, failure = pcall(reclaim_one, context, code, entry, pending[i][3])
        if ok and not failure then finished[#finished + 1] = entry end
    end
    forget_entries(key, finished)
    return #pending
end

local function forget_wake_ups(keys, lost)
    local pending = redis.pcall('XPENDING', keys.bell, GROUP, '-', '+', RECLAIM_BATCH_MAX, lost)
    if is_error(pending) then return end
    local entries = {}
    for i = 1, #pending do entries[i] = pending[i][1] end
    forget_entries(keys.bell, entries)
end

local function reclaim(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local lost, lease, poison = args[1], whole_number(args[3]), whole_number(args[4])
    if not lease or not poison then return redis.error_reply('INVALID reclaim: expected a lease in ms and a limit') end
    local now = now_ms()
    local at = redis.call('ZSCORE', keys.beats, lost)
    if not at or tonumber(at) > now - lease then return { '0', '0', '0' } end
    local context = {
        keys = keys, now = now, lost = lost, last_beat = tonumber(at),
        poison = whole_number(redis.call('HGET', keys.meta, 'recoveries_max') or '') or poison,
        was_stopping = was_stopping(keys, lost),
        spent = last_spent(keys, lost), events = {}, moved = 0, buried = 0, any_saga = saga.any(keys),
    }
    local left = RECLAIM_BATCH_MAX
    for i = 1, #CODES do
        if left > 0 then left = left - reclaim_stream(context, CODES[i], left) end
    end
    local more = left <= 0
    if not more then
        forget_wake_ups(keys, lost)
        more = not remove_consumer(keys, lost)
    end
    slo_write(keys, context.events.slo, now)
    write_journal(keys, args[2], context.events)
    return { int(context.moved), int(context.buried), more and '1' or '0' }
end

redis.register_function{ function_name = 'pond_reclaim', callback = reclaim, flags = { 'allow-oom' } }
