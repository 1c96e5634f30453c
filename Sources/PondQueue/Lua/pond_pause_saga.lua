-- Stops a saga until somebody resumes it: it begins nothing more, and its job is parked.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  why
--          and by the worker that has the job, which parks it in the same call:  3  consumer   4  code   5  entry
--            6  what all tries together took, as for pond_settle, or ''
-- returns  {'moved'} (a job that is ready or runs is parked by its worker) · {'lost'} · {'unknown'} · {'refused', TEXT}

local function park_delivery(keys, args, now)
    local id, code, entry = args[1], args[4], args[5]
    local fields = entry_fields(keys[code], entry)
    if not fields then return false end
    local changes = saga.spent_changes(args[6] or '')
    changes.enqueued_ms = enqueued_ms(fields, entry, now)
    saga.park(keys, id, with_fields(fields, changes), nil, now)
    saga.end_delivery(keys, { id = id, code = code, entry = entry })
    return true
end

local function pause(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id, reason = args[1] or '', clipped(args[2] or '', saga.REASON_BYTES_MAX)
    local is_worker = args[3] ~= nil
    if is_worker and not saga.is_own(keys, args[3], args[4], args[5], id) then return { 'lost' } end
    local state, now, events = saga.state(keys, id), now_ms(), {}
    if not state then return { is_worker and 'refused' or 'unknown', is_worker and 'the job is no saga' or nil } end
    if saga.FINAL[state] or state == 'stuck' then return { 'refused', 'the saga is ' .. state } end
    if is_worker and not park_delivery(keys, args, now) then return { 'lost' } end
    if state ~= 'paused' then
        -- What it was is what it will be again.
        saga.set_state(keys, id, 'paused', now, 'reason', reason, 'before', state == 'undoing' and state or 'running')
        saga.wait_for_ever(keys, id)
        note(events, 'saga_paused', with_text(id, reason))
        write_journal(keys, args[3] or '', events)
    end
    return { 'moved' }
end

redis.register_function{ function_name = 'pond_pause_saga', callback = pause, flags = { 'allow-oom' } }
