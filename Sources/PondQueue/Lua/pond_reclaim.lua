-- Takes over what a lost consumer had in flight: back to the front, with one recovery more, or to the dead.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the lost consumer   2  who takes over, for the journal   3  lease in ms   4  recoveries that make a job dead
-- returns  {moved, buried, '1' when more is left or '0'}; {'0','0','0'} when the consumer has beaten meanwhile

local function poison_text(recoveries, lost)
    return 'its worker died ' .. int(recoveries) .. ' times while it ran; the last was ' .. lost
end

local function reclaim_one(context, letter, entry)
    local keys, now = context.keys, context.now
    local fields = entry_fields(keys[letter], entry)
    if not fields then
        note(context.events, 'ghost', own_id(letter, entry))
        return
    end
    local id = job_id(keys, letter, entry, fields)
    local recoveries = number_field(fields, 'recoveries') + 1
    local changed = with_fields(fields, {
        recoveries = int(recoveries), enqueued_ms = enqueued_ms(fields, entry, now),
    })
    if redis.call('HDEL', keys.cancel, id) == 1 then
        note(context.events, 'cancelled', id)
    elseif #fields > WORDS_MAX then
        bury_overfull(keys, id, fields, now, context.events)
        context.buried = context.buried + 1
    elseif recoveries >= context.poison then
        bury(keys, id, with_fields(changed, { id = false }), 'poison', poison_text(recoveries, context.lost), now,
            context.events)
        context.buried = context.buried + 1
    else
        local landed, failure = readd(keys, 'f', id, changed)
        if not landed then return failure end
        note(context.events, 'reclaimed', id)
        context.moved = context.moved + 1
        return
    end
    if id ~= own_id(letter, entry) then unpoint(keys, id, letter, entry) end
end

local function reclaim_stream(context, letter, limit)
    local key = context.keys[letter]
    local pending = redis.pcall('XPENDING', key, GROUP, '-', '+', limit, context.lost)
    if is_error(pending) then return 0 end
    local finished = {}
    for i = 1, #pending do
        local entry = pending[i][1]
        local ok, failure = pcall(reclaim_one, context, letter, entry)
        if ok and not failure then finished[#finished + 1] = entry end
    end
    forget_entries(key, finished)
    return #pending
end

local function forget_bells(keys, lost)
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
    local context = { keys = keys, now = now, lost = lost, poison = poison, events = {}, moved = 0, buried = 0 }
    local left = RECLAIM_BATCH_MAX
    for i = 1, #LETTERS do
        if left > 0 then left = left - reclaim_stream(context, LETTERS[i], left) end
    end
    local more = left <= 0
    if not more then
        forget_bells(keys, lost)
        more = not remove_consumer(keys, lost)
    end
    write_journal(keys, args[2], context.events)
    return { int(context.moved), int(context.buried), more and '1' or '0' }
end

redis.register_function{ function_name = 'pond_reclaim', callback = reclaim, flags = { 'allow-oom' } }
