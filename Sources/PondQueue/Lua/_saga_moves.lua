-- Adds to: saga
-- The moves of a saga: parked, woken, turned round, ended, opened again.

local check = saga.check
local FORGET_BATCH = 64        -- how many ended ones leave the list whenever one more ends
saga.NEVER = 99999999999999
local NEVER = saga.NEVER       -- the time in `waits` of a saga that no time wakes
local LOOK_MS = 60000          -- how often a saga that has turned looks whether its children have ended, should nobody say so

-- The envelope of a saga that goes on: it is known as one, and undoing is never too late and not the work's own attempts.
local function envelope(fields, phase, reason)
    if not phase then return with_fields(fields, { saga_run = '1' }) end
    return with_fields(fields, {
        saga_run = '1', phase = phase, expires_ms = false, attempt = false, recoveries = false, unstarted = false,
        unhandled_ms = false, recovered_ms = false, interrupted = false, last_error = clipped(reason, LAST_ERROR_BYTES_MAX),
    })
end

saga.envelope = envelope

-- Whether a saga turns round because it failed, and not because somebody wanted it.
local function has_failed(how, reason)
    return how == 'compensated' or string.find(reason, '^deadline') or string.find(reason, '^expired')
        or string.find(reason, '^budget')
end

-- Writes down that a saga has turned round. `how` is what it will be when all is undone: compensated or cancelled.
function saga.mark_turned(keys, id, fields, how, reason, now, events)
    if has_failed(how, reason) then slo_failed(keys, events, id, fields, now) end
    note_facts(events, id, fields)
    reason = clipped(reason, saga.REASON_BYTES_MAX)
    -- The reason of a state may change on the way to the end; why it turned round does not.
    saga.set_state(keys, id, 'undoing', now, 'turn', how, 'reason', reason, 'turn_reason', reason)
    redis.call('HDEL', keys.saga .. id, 'waits')
    saga.joins.abandon(keys, id, now, events)
    note(events, 'turned', with_text(id .. ' ' .. how, reason))
end


local function read_waiting(keys, id)
    local packed = redis.call('HGET', keys.waiting, id)
    if not packed then return nil end
    local ok, fields = pcall(cmsgpack.unpack, packed)
    if not ok or type(fields) ~= 'table' then fields = { 'data', packed } end
    return fields
end

local function end_waiting(keys, id)
    redis.call('ZREM', keys.waits, id)
    redis.call('HDEL', keys.waiting, id)
end

saga.read_waiting, saga.end_waiting = read_waiting, end_waiting

-- Wakes a worker for a time that comes before the next beat, as `ring` does for the held.
local function ring_for(keys, due, now)
    if due - now > BELL_MS then return end
    wake_one(keys, due)
end

-- Puts a saga's envelope among those that wait, until a time or for good. The delivery is the caller's to end.
function saga.park(keys, id, fields, due, now)
    check(keys)
    -- Whoever fetches looks at `waits` only where this is said, so that a queue without sagas does not pay for it.
    if due then redis.call('HSET', keys.meta, 'waits', '1') end
    redis.call('HSET', keys.waiting, id, cmsgpack.pack(fields))
    add_or_undo(keys.waiting, id, 'ZADD', keys.waits, int(due or NEVER), id)
    if not due then return end
    ring_for(keys, due, now)
end

-- Sends a job back to undo what its saga did, once its children have ended: what they still do stands on what it did, so until
-- then it waits. Its old place is the caller's to empty. Returns nil or what failed, and whether it waits.
function saga.readd_to_undo(keys, id, fields, reason, now)
    local to_undo = envelope(fields, 'undo', reason)
    saga.joins.count_lost(keys, id)
    if saga.joins.any_open(keys, id) then
        saga.park(keys, id, to_undo, now + LOOK_MS, now)
        redis.call('HDEL', keys.moved, id)
        redis.pcall('HDEL', keys.started, id)
        return nil, true
    end
    local landed, failure = readd(keys, 'f', id, to_undo)
    return not landed and failure or nil, false
end

-- Lets a saga undo that waited for its children, when the last of them has ended.
function saga.go_undo(keys, id, now, events)
    local fields = read_waiting(keys, id)
    if not fields or field(fields, 'phase') ~= 'undo' or saga.state(keys, id) ~= 'undoing' then return end
    if saga.joins.any_open(keys, id) then
        redis.call('HSET', keys.meta, 'waits', '1')
        return redis.call('ZADD', keys.waits, int(now + LOOK_MS), id)
    end
    check(keys)
    local landed, failure = readd(keys, 'f', id, fields)
    if not landed then error(failure) end
    end_waiting(keys, id)
    note(events, 'woken', id .. ' children')
end

-- Ends a delivery whose job has gone on to another place.
function saga.end_delivery(keys, job)
    limits.left_flight(keys, job.id, now_ms())
    if job.id ~= own_id(job.code, job.entry) then unpoint(keys, job.id, job.code, job.entry) end
    forget_entries(keys[job.code], { job.entry })
end

-- The names that a saga waits for.
local function waited_for(packed)
    local ok, names = pcall(cmsgpack.unpack, packed or '')
    return ok and type(names) == 'table' and names or {}
end

saga.waited_for = waited_for

-- Closes a wait: what it waited for is there, or its time is up.
function saga.close_wait(step, now, result, failure)
    step.state = failure and 'f' or 'd'
    step.ended, step.token = math.max(0, now - step.began), nil
    step.result, step.error = result, failure and clipped(failure, LAST_ERROR_BYTES_MAX) or nil
end

-- Writes down that a wait is over, when it is.
function saga.note_waited(keys, id, name, step, events)
    if step.state ~= 'd' and step.state ~= 'f' then return end
    note_step(events, 'waited', id, step.state == 'f' and 'failed ' or 'done ', name, step.error,
        redis.call('HGET', keys.saga .. id, 'kind'), step.attempt, step.ended)
end

-- Closes a wait whose time has come.
function saga.close_due(keys, id, name, step, now, events)
    if step.kind == 'j' then saga.joins.abandon_one(keys, id, name, now, events) end
    if step.kind == 'z' then return saga.close_wait(step, now, nil, nil) end
    saga.close_wait(step, now, nil, 'timed out')
    step.extra = nil
end

-- Brings a saga that waits back to the front of the queue. Returns whether it did.
function saga.wake(keys, id, why, now, events)
    local fields = read_waiting(keys, id)
    if not fields then return false end
    check(keys)
    local landed, failure = readd(keys, 'f', id, envelope(fields))
    if not landed then error(failure) end
    saga.set_state(keys, id, 'running', now)
    redis.call('HDEL', keys.saga .. id, 'waits')
    -- Counted when it is over: most wait once, and those that wait should take little.
    redis.call('HINCRBY', keys.saga .. id, 'parks', 1)
    end_waiting(keys, id)
    note_facts(events, id, fields)
    note(events, 'woken', id .. ' ' .. why)
    return true
end

-- Whether a saga is parked for this step, among others.
local function is_waited_for(keys, id, name)
    local names = waited_for(redis.call('HGET', keys.saga .. id, 'waits'))
    for i = 1, #names do
        if names[i] == name then return true end
    end
    return false
end

-- Stores what a wait was for, and brings the saga back when it is parked for it.
function saga.deliver(keys, id, name, step, result, failure, now, events)
    saga.close_wait(step, now, result ~= '' and result or nil, failure)
    saga.count_result(keys, id, result)
    saga.write_step(keys, id, name, step)
    saga.note_waited(keys, id, name, step, events)
    if saga.state(keys, id) == 'waiting' and is_waited_for(keys, id, name) then
        saga.wake(keys, id, name, now, events)
    end
end

-- Pauses a saga that would turn round behind its pivot. Its job is parked, and its old place is the caller's to empty. Its
-- deadline is over then: who lets it go on wants it to come to its end all the same.
local function hold_forward(keys, id, fields, reason, now, events)
    saga.park(keys, id, envelope(with_fields(fields, { expires_ms = false })), nil, now)
    redis.call('HDEL', keys.moved, id)
    redis.pcall('HDEL', keys.started, id)
    local why = 'forward_only: ' .. reason
    saga.set_state(keys, id, 'paused', now, 'reason', why, 'before', 'running')
    note_facts(events, id, fields)
    note(events, 'saga_paused', with_text(id, why))
end

-- Parks a job that has failed while its saga was paused: what becomes of it is seen when somebody lets it go on.
local function hold_paused(keys, id, fields, now)
    saga.park(keys, id, envelope(fields), nil, now)
    redis.call('HDEL', keys.moved, id)
    redis.pcall('HDEL', keys.started, id)
end

-- Turns a saga whose job would end otherwise, when it has anything to undo: its job is ready again, and its old place is the
-- caller's to empty. Returns whether it did, and whether it waits for its children first. A saga that fails behind its pivot
-- does not turn, and one that would be cancelled there is paused.
function saga.turns(keys, id, fields, how, reason, now, events, by)
    if field(fields, 'phase') or not saga.any(keys) then return false end
    local state = saga.state(keys, id)
    if not state or saga.FINAL[state] or state == 'stuck' then return false end
    if state == 'paused' and how == 'compensated' then
        hold_paused(keys, id, fields, now)
        return true, true
    end
    if state ~= 'undoing' then
        local header, steps = saga.read(keys, id)
        if not saga.still_armed(steps) then return false end
        if by ~= 'force' and saga.pivot_of(steps, header) then
            if how == 'compensated' then return false end
            hold_forward(keys, id, fields, reason, now, events)
            return true, true
        end
        saga.mark_turned(keys, id, fields, how, reason, now, events)
    else
        reason = redis.call('HGET', keys.saga .. id, 'reason') or reason
    end
    local failure, waits = saga.readd_to_undo(keys, id, fields, reason, now)
    if failure then error(failure) end
    return true, waits
end

-- The step behind which failures go forward, once it is done; of a replay that shares the keys of a saga that was behind its
-- own, that saga.
function saga.pivot_of(steps, header)
    if header and header.forward then return 'of saga ' .. header.forward end
    for i = 1, #steps do
        if saga.has(steps[i][2], 'p') and steps[i][2].state == 'd' then return steps[i][1] end
    end
    return nil
end

-- Turns a saga that waits and whose time is up.
local function turn_waiting(keys, id, fields, how, reason, now, events)
    check(keys)
    local header, steps = saga.read(keys, id)
    if saga.pivot_of(steps, header) then return hold_forward(keys, id, fields, reason, now, events) end
    saga.mark_turned(keys, id, fields, how, reason, now, events)
    local failure, waits = saga.readd_to_undo(keys, id, fields, reason, now)
    if failure then error(failure) end
    if not waits then end_waiting(keys, id) end
end

-- Closes those waits of a saga whose time has come.
local function close_due_waits(keys, id, now, events)
    local names = waited_for(redis.call('HGET', keys.saga .. id, 'waits'))
    for i = 1, #names do
        local step = saga.read_step(redis.call('HGET', keys.saga .. id, 'step:' .. names[i]))
        if step and step.state == 'w' and step.due and step.due <= now then
            saga.close_due(keys, id, names[i], step, now, events)
            saga.write_step(keys, id, names[i], step)
            saga.note_waited(keys, id, names[i], step, events)
        end
    end
end

local function wake_due(keys, id, now, events)
    local fields = read_waiting(keys, id)
    if not fields then return redis.call('ZREM', keys.waits, id) end
    if field(fields, 'phase') == 'undo' then
        saga.joins.count_lost(keys, id)
        return saga.go_undo(keys, id, now, events)
    end
    local expires = whole_number(field(fields, 'expires_ms'))
    if expires and expires <= now then
        return turn_waiting(keys, id, fields, 'cancelled', 'deadline', now, events)
    end
    close_due_waits(keys, id, now, events)
    saga.wake(keys, id, 'timer', now, events)
end

local WAKE_AGAIN_MS = 5000

-- Sagas whose time has come go to the front of the queue. Returns when the next is due, 0 when none is.
function saga.wake_all_due(keys, now, limit, by)
    local ids = redis.call('ZRANGE', keys.waits, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, limit)
    if #ids > 0 then
        local events = {}
        for i = 1, #ids do
            if not pcall(wake_due, keys, ids[i], now, events) then
                redis.call('ZADD', keys.waits, int(now + WAKE_AGAIN_MS), ids[i])
            end
        end
        slo_write(keys, events.slo, now)
        write_journal(keys, by, events)
    end
    local due = saga.next_due(keys)
    if due == '0' then redis.call('HDEL', keys.meta, 'waits') end
    return due
end

-- When the next saga is due, '0' when none is.
function saga.next_due(keys)
    local head = redis.call('ZRANGE', keys.waits, 0, 0, 'WITHSCORES')
    local due = tonumber(head[2] or NEVER)
    return due < NEVER and int(due) or '0'
end

-- From now on no time wakes a saga that waits.
function saga.wait_for_ever(keys, id)
    redis.call('ZADD', keys.waits, 'XX', int(NEVER), id)
end

-- The earlier of two times as they are told, where '0' is never.
function saga.earlier(first, second)
    if first == '0' or (second ~= '0' and tonumber(second) < tonumber(first)) then return second end
    return first
end

-- The last word on a saga, or that it is stuck. Its keys stay for a while, so that whoever asks what became of it is told.
function saga.finish(keys, id, state, reason, now, events)
    saga.set_state(keys, id, state, now)
    -- Why it turned round is still the reason when all is undone, whatever happened on the way.
    local turned = (state == 'compensated' or state == 'cancelled') and redis.call('HGET', keys.saga .. id, 'turn_reason')
    if turned then reason = turned end
    if reason and reason ~= '' then redis.call('HSET', keys.saga .. id, 'reason', clipped(reason, saga.REASON_BYTES_MAX)) end
    redis.call('HDEL', keys.saga .. id, 'waits')
    note(events, state == 'stuck' and 'saga_stuck' or 'saga_ended', with_text(id .. ' ' .. state, reason))
    if not saga.FINAL[state] then return end
    -- A failed one may be sent back from the dead and then goes on; it is forgotten with its job.
    if state ~= 'failed' then saga.expire(keys, id, now) end
end

-- The keys of a saga: its own, its early signals', its fan-outs' and its tokens'.
local function keys_of_saga(keys, id)
    local found = { keys.saga .. id, keys.signals .. id }
    local header = redis.call('HMGET', keys.saga .. id, 'joins', 'tokens')
    local names = waited_for(header[1])
    for i = 1, #names do found[#found + 1] = saga.joins.key(keys, id, names[i]) end
    for hash in string.gmatch(header[2] or '', '%S+') do found[#found + 1] = keys.token .. hash end
    return found
end

-- Takes away all that is known of a saga, at once.
function saga.forget(keys, id)
    local found = keys_of_saga(keys, id)
    for i = 1, #found do redis.call('DEL', found[i]) end
    redis.call('ZREM', keys.sagas, id)
end

-- Takes those off the list that ended so long ago that their keys have gone.
function saga.forget_old(keys, now)
    for state in pairs(saga.FINAL) do
        if state ~= 'failed' then
            local first = saga.span(state)
            local old = redis.call('ZRANGE', keys.sagas, first, int(tonumber(first) + now - saga.KEPT_MS), 'BYSCORE',
                'LIMIT', 0, FORGET_BATCH)
            if #old > 0 then redis.call('ZREM', keys.sagas, unpack(old)) end
        end
    end
end

-- Lets what belongs to a saga that has ended go by itself.
function saga.expire(keys, id, now)
    local found = keys_of_saga(keys, id)
    for i = 1, #found do redis.call('PEXPIREAT', found[i], int(now + saga.KEPT_MS)) end
    saga.forget_old(keys, now)
end

-- Opens a saga again whose dead job is sent back.
function saga.reopen(keys, id, now, events)
    local header, steps = saga.read(keys, id)
    if header.state == 'failed' then
        saga.reopen_failed(keys, id, header, steps)
    elseif header.state == 'stuck' then
        for i = 1, #steps do saga.reopen_step(keys, id, steps[i][1], steps[i][2], true) end
    else
        return
    end
    redis.call('HDEL', keys.saga .. id, 'undoing', 'undo_ms')
    if header.state == 'stuck' then
        saga.set_state(keys, id, 'undoing', now, 'reason', header.turn_reason or header.reason or '')
    else
        saga.set_state(keys, id, 'running', now)
    end
    note(events, 'saga_reopened', id)
end

-- Lets a saga that was paused go on; a job that is ready or runs goes on by itself. Returns nil, or what failed.
function saga.resume(keys, id, before, reason, now, events)
    local fields = read_waiting(keys, id)
    check(keys)
    local undoes = fields and field(fields, 'phase') == 'undo'
    if fields and not undoes then
        local landed, failure = readd(keys, 'f', id, envelope(fields))
        if not landed then return failure end
    end
    local header, steps = saga.read(keys, id)
    -- Behind its pivot it goes forward only, so what it failed of has to be done all the same.
    if string.find(header.reason or '', '^forward_only: ') then saga.reopen_failed(keys, id, header, steps) end
    if undoes then saga.joins.count_lost(keys, id) end
    saga.set_state(keys, id, before or 'running', now, 'reason', before == 'undoing' and header.turn_reason or '')
    redis.call('HDEL', keys.saga .. id, 'before', 'waits', 'cancel_later')
    if undoes then saga.go_undo(keys, id, now, events) else end_waiting(keys, id) end
    note(events, 'saga_resumed', with_text(id, clipped(reason or '', saga.REASON_BYTES_MAX)))
    if header.cancel_later then saga.joins.cancel(keys, id, now, events, 'parent') end
    return nil
end

-- The first step that may have happened and is not undone, nil when there is none.
function saga.still_armed(steps)
    for i = #steps, 1, -1 do
        local step = steps[i][2]
        if step.undo == 'a' or step.undo == 'r' or step.undo == 'x' then
            return steps[i][1], step
        end
    end
    return nil
end

-- What the end of a delivery changes in the job's fields: what all tries together took, as the worker counted it.
function saga.spent_changes(spent)
    local wall, cpu, usd, waited = string.match(spent, '^(%d+) (%d+) (%d+) ?(%d*)$')
    local changes = { id = false, saga_run = '1' }
    if whole_number(wall) and whole_number(cpu) and whole_number(usd) then
        changes.spent_wall_ms, changes.spent_cpu_ms = wall, cpu
        changes.spent_usd_micros = usd ~= '0' and usd or nil
        changes.waited_ms = whole_number(waited) and waited or nil
    end
    return changes
end
