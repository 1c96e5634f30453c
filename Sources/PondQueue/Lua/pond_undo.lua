-- Turns a saga round: from here on what its steps did is undone, newest first. Its job comes back in phase undo, once the
-- children of its fan-outs have ended, which are cancelled.
-- KEYS     1  the queue, mp:{q}
-- ARGV     by the worker that has the job:
--            1  consumer   2  code   3  entry   4  the job's id
--            5  what the saga is when all is undone: compensated or cancelled   6  why
--            7  what all tries together took, as for pond_settle, or ''
-- returns  {'moved'} · {'lost'} · {'refused', TEXT}: nothing was changed; the text is `nothing to undo`, or begins with
--          `paused` when somebody has paused it, so that it turns when it goes on, and with
--          `pivot` when a step behind which it goes forward only is done

local HOW = { compensated = true, cancelled = true }

-- Why the saga cannot turn round, nil when it can.
local function refusal(keys, id, how)
    local header, steps = saga.read(keys, id)
    if not header.state then return 'nothing to undo' end
    if header.state == 'undoing' then return nil end
    if saga.FINAL[header.state] then return 'the saga is ' .. header.state end
    if header.state == 'paused' and how == 'compensated' then return 'paused' end
    local pivot = saga.pivot_of(steps, header)
    if pivot then return 'pivot ' .. pivot end
    if not saga.still_armed(steps) then return 'nothing to undo' end
    return nil
end

local function undo(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, code, entry, id, how, reason, spent = unpack(args, 1, 7)
    if not HOW[how or ''] then return redis.error_reply('INVALID undo: expected compensated or cancelled') end
    if not saga.is_own(keys, consumer, code, entry, id) then return { 'lost' } end
    local fields = entry_fields(keys[code], entry)
    if not fields then return { 'lost' } end
    local refused = refusal(keys, id, how)
    if refused then return { 'refused', refused } end
    saga.check(keys)
    local now, events = now_ms(), {}
    -- Turned by a cancel already, it keeps that end.
    if saga.state(keys, id) ~= 'undoing' then saga.mark_turned(keys, id, fields, how, reason or '', now, events) end
    local changes = saga.spent_changes(spent or '')
    changes.enqueued_ms = enqueued_ms(fields, entry, now)
    local failure = saga.readd_to_undo(keys, id, with_fields(fields, changes), reason or '', now)
    if failure then return redis.error_reply(failure) end
    redis.call('HDEL', keys.cancel, id)
    limits.left_flight(keys, id, now)
    forget_entries(keys[code], { entry })
    slo_write(keys, events.slo, now)
    write_journal(keys, consumer, events)
    return { 'moved' }
end

redis.register_function{ function_name = 'pond_undo', callback = undo, flags = { 'allow-oom' } }
