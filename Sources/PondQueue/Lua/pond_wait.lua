-- Parks a saga: it waits without a slot and without a process, and its delivery ends in the same call. What it waits for may
-- be there already; then it is told so and goes on. Several waits may be given: the saga comes back for whichever is over first.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  code   3  entry   4  the job's id   5  what all tries together took, as for pond_settle, or '';
--          or 'look': then it is not parked, whatever is open
--          then five words a wait:  name  kind: sleep, callback, signal or children  for how long in ms, or ''
--            the name of the signal, or ''   fingerprint, or ''
-- returns  {answer, a list a wait}: the answer is parked (the delivery has ended; also when the saga was turned meanwhile) ·
--          over · open (to 'look') · undoing · paused · lost; a list is {'open'}, {'over', STEP}, {'mismatch', STEP} or {'refused', TEXT}

local WORDS_A_WAIT = 5
local FIRST = 6
local LOOK = 'look'

local function check_wait(name, kind, within, signal)
    local wrong = saga.wrong_name(name)
    if wrong then return wrong end
    if not saga.KINDS[kind] or kind == 'step' then return 'expected a kind of sleep, callback, signal or children' end
    local span = whole_number(within)
    if within ~= '' and (not span or span > DELAY_MS_MAX) then return 'a wait lasts at most ten years' end
    if kind == 'sleep' and not span then return 'a sleep needs its time' end
    if kind == 'signal' and saga.wrong_name(signal) then return 'a wait for a signal needs the signal\'s name' end
    return nil
end

-- The oldest signal of a name: its entry and its data, nil when none came yet.
local function early_signal(context, name)
    local key, from = context.keys.signals .. context.job.id, '-'
    repeat
        local early = redis.call('XRANGE', key, from, '+', 'COUNT', saga.SIGNALS_AT_ONCE)
        for i = 1, #early do
            if field(early[i][2], 'name') == name then return early[i][1], field(early[i][2], 'data') or '' end
            from = '(' .. early[i][1]
        end
    until #early < saga.SIGNALS_AT_ONCE
    return nil
end

local function new_wait(context, name, kind, within, signal, fingerprint)
    if kind == 'callback' then return nil, 'callback "' .. name .. '" has no token; begin it first' end
    if kind == 'children' then return nil, 'fan-out "' .. name .. '" has no children; start them first' end
    local number, full = saga.number(unpack(redis.call('HMGET', context.key, 'next', 'bytes')))
    if not number then return nil, full end
    redis.call('HSET', context.key, 'next', int(number + 1))
    note(context.events, 'wait', context.job.id .. ' ' .. name)
    return {
        state = 'w', kind = saga.KINDS[kind], seq = number, attempt = 1, effect = 'p', undo = 'n', began = context.now,
        due = within and context.now + within or nil, extra = kind == 'signal' and signal or nil,
        fingerprint = fingerprint ~= '' and fingerprint or nil,
    }
end

-- Closes a wait whose answer came before it, or whose time is up.
local function look_at(context, name, step)
    if step.kind == 'g' and step.state == 'w' then
        local entry, data = early_signal(context, step.extra)
        if entry then
            redis.call('XDEL', context.keys.signals .. context.job.id, entry)
            step.extra = nil
            saga.count_result(context.keys, context.job.id, data)
            return saga.close_wait(step, context.now, data ~= '' and data or nil, nil)
        end
    end
    if step.state == 'w' and step.due and step.due <= context.now then
        saga.close_due(context.keys, context.job.id, name, step, context.now, context.events)
    end
end

-- Returns the answer of one wait, and its step while it is open.
local function wait_for(context, name, kind, within, signal, fingerprint)
    local wrong = check_wait(name, kind, within, signal)
    if wrong then return { 'refused', wrong } end
    local step = saga.read_step(redis.call('HGET', context.key, 'step:' .. name))
    if not step then
        step, wrong = new_wait(context, name, kind, whole_number(within), signal, fingerprint)
        if not step then return { 'refused', wrong } end
    elseif step.kind ~= saga.KINDS[kind] or (kind == 'signal' and step.state == 'w' and step.extra ~= signal)
        or (fingerprint ~= '' and step.fingerprint and step.fingerprint ~= fingerprint) then
        return { 'mismatch', saga.told(name, step) }
    end
    if step.state == 'r' and step.kind == 'j' then
        return { 'refused', 'not all children of "' .. name .. '" were given; give the rest first' }
    end
    if step.state == 'r' then step.state, step.token, step.fence = 'w', nil, nil end
    if step.state == 'w' and not step.due and whole_number(within) then step.due = context.now + whole_number(within) end
    local was_open = step.state == 'w'
    look_at(context, name, step)
    saga.write_step(context.keys, context.job.id, name, step)
    if was_open then saga.note_waited(context.keys, context.job.id, name, step, context.events) end
    if step.state ~= 'w' then return { 'over', saga.told(name, step) } end
    return { 'open' }, step
end

local function park(context, names, due, spent)
    local keys, job = context.keys, context.job
    local fields = entry_fields(keys[job.code], job.entry)
    if not fields then return 'lost' end
    local parks = (whole_number(redis.call('HGET', context.key, 'parks') or '') or 0) + 1
    if parks > saga.PARKS_MAX then
        return nil, 'a saga waits at most ' .. saga.PARKS_MAX .. ' times (saga_parks_max); end it, or start another for the rest'
    end
    local changes = saga.spent_changes(spent)
    changes.enqueued_ms = enqueued_ms(fields, job.entry, context.now)
    local expires = whole_number(field(fields, 'expires_ms'))
    if expires and (not due or expires < due) then due = expires end
    saga.park(keys, job.id, with_fields(fields, changes), due, context.now)
    saga.set_state(keys, job.id, 'waiting', context.now, 'waits', cmsgpack.pack(names))
    saga.end_delivery(keys, job)
    note_facts(context.events, job.id, fields)
    note(context.events, 'waiting', job.id .. ' ' .. (due and int(due) or '0') .. ' ' .. names[1])
    return 'parked'
end

-- Whether somebody has cancelled the job; then it turns round here and now.
local function is_cancelled(context)
    local keys, job = context.keys, context.job
    if redis.call('HEXISTS', keys.cancel, job.id) == 0 then return false end
    local fields = entry_fields(keys[job.code], job.entry)
    if not fields then return false end
    saga.mark_turned(keys, job.id, fields, 'cancelled', 'cancelled', context.now, context.events)
    local failure = saga.readd_to_undo(keys, job.id, fields, 'cancelled', context.now)
    if failure then error(failure) end
    redis.call('HDEL', keys.cancel, job.id)
    limits.left_flight(keys, job.id, context.now)
    forget_entries(keys[job.code], { job.entry })
    return true
end

-- The waits one by one, until all are looked at; the answer for all of them.
local function wait_all(context, args)
    local replies, names, due, is_over = {}, {}, nil, false
    for at = FIRST, #args, WORDS_A_WAIT do
        local answer, step = wait_for(context, unpack(args, at, at + WORDS_A_WAIT - 1))
        replies[#replies + 1] = answer
        if step then
            names[#names + 1] = args[at]
            if step.due and (not due or step.due < due) then due = step.due end
        else
            is_over = true
        end
    end
    local answer = 'over'
    if not is_over and args[5] == LOOK then
        answer = 'open'
    elseif not is_over then
        local parked, full = park(context, names, due, args[5])
        if parked then answer = parked else replies[1] = { 'refused', full } end
    end
    table.insert(replies, 1, answer)
    return replies
end

local function wait(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args < FIRST + WORDS_A_WAIT - 1 or (#args - FIRST + 1) % WORDS_A_WAIT ~= 0 then
        return redis.error_reply('INVALID wait: expected a delivery and whole waits')
    end
    if not saga.is_own(keys, args[1], args[2], args[3], args[4]) then return { 'lost' } end
    local context = {
        keys = keys, key = keys.saga .. args[4], now = now_ms(), events = {},
        job = { code = args[2], entry = args[3], id = args[4] },
    }
    local state = saga.state(keys, args[4])
    if state == 'undoing' or state == 'paused' then return { state } end
    if not state then
        local wrong = saga.make(keys, context.job, context.now, context.events)
        if wrong then return { 'over', { 'refused', wrong } } end
    elseif saga.FINAL[state] then
        return { 'over', { 'refused', 'the saga is ' .. state } }
    end
    local reply = args[5] ~= LOOK and is_cancelled(context) and { 'parked' } or wait_all(context, args)
    write_journal(keys, args[1], context.events)
    return reply
end

redis.register_function{ function_name = 'pond_wait', callback = wait, flags = { 'allow-oom' } }
