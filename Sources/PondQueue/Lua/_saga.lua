-- Exports: saga
-- Sagas: jobs that remember. `saga:ID` is a hash with a header (state, since_ms, next, kind, …) and, in a field `step:NAME`
-- each, what is known of its steps. A job is a saga once that hash exists. `sagas` has the id of every saga, with a number
-- that is its state and since when it is in it, so that one command lists a state, newest first.

saga = {}

saga.STEPS_MAX = 10000
saga.PARKS_MAX = 100000
saga.SIGNALS_MAX = 1000
saga.SIGNALS_EARLY_MS = 86400000   -- how long signals are kept for a job that is no saga yet
saga.DEPTH_MAX = 8
saga.NAME_BYTES_MAX = 128
saga.REASON_BYTES_MAX = 1024
saga.KEPT_MS = 3600000             -- how long a saga that has ended can still be read in Redis
local FORGET_BATCH = 64            -- how many ended ones leave the list whenever one more ends
local RANK_SPAN = 10000000000000
local NEVER = 99999999999999   -- the time in `waits` of a saga that no time wakes

saga.RANK = {
    running = 1, waiting = 2, undoing = 3, paused = 4, stuck = 5, done = 6, compensated = 7, cancelled = 8, failed = 9,
    abandoned = 10,
}
saga.FINAL = { done = true, compensated = true, cancelled = true, failed = true, abandoned = true }

-- A step is packed as a list, the usual first and what is missing at the end left out, because a saga that waits costs what
-- its steps cost. Before these parts stand one text with the first letters of four words, and when it began in six bytes.
local PARTS = {
    'seq', 'attempt', 'ended', 'result', 'flags', 'fingerprint', 'error', 'due', 'undo_attempt', 'fence', 'token', 'extra',
}
local BEGAN = '>I6'
local WORDS = {
    state = { r = 'running', w = 'waiting', d = 'done', f = 'failed', u = 'unknown', s = 'skipped', t = 'running' },
    kind = { s = 'step', z = 'sleep', g = 'signal', c = 'callback', j = 'children' },
    effect = { p = 'pure', k = 'keyed', q = 'query', o = 'once' },
    undo = { n = 'none', a = 'armed', r = 'running', d = 'done', s = 'skipped', x = 'stuck', b = 'abandoned' },
}
saga.KINDS = { step = 's', sleep = 'z', signal = 'g', callback = 'c', children = 'j' }
saga.EFFECTS = { pure = 'p', keyed = 'k', query = 'q', once = 'o' }

local function read_step(packed)
    if not packed then return nil end
    local list = cmsgpack.unpack(packed)
    local step = { began = struct.unpack(BEGAN, list[2]) }
    step.state, step.kind, step.effect, step.undo = string.match(list[1], '^(.)(.)(.)(.)$')
    for i = 1, #PARTS do step[PARTS[i]] = list[i + 2] or nil end
    return step
end

local function pack_step(step)
    local list, last = { step.state .. step.kind .. step.effect .. step.undo, struct.pack(BEGAN, step.began) }, 2
    for i = 1, #PARTS do
        local value = step[PARTS[i]]
        list[i + 2] = value or false
        if value then last = i + 2 end
    end
    for i = #PARTS + 2, last + 1, -1 do list[i] = nil end
    return cmsgpack.pack(list)
end

local function has(step, flag)
    return string.find(step.flags or '', flag, 1, true) ~= nil
end

saga.read_step, saga.pack_step, saga.has = read_step, pack_step, has

-- A step as a client is told of it.
function saga.told(name, step)
    return {
        name, WORDS.kind[step.kind], WORDS.state[step.state], int(step.seq), int(step.attempt or 0), WORDS.effect[step.effect],
        WORDS.undo[step.undo], int(step.undo_attempt or 0), has(step, 'p') and '1' or '0', has(step, 'l') and '1' or '0',
        step.fingerprint or '', step.result or '', step.error or '', int(step.began),
        step.ended and int(step.began + step.ended) or '', step.due and int(step.due) or '', step.extra or '',
    }
end

function saga.key(keys, id) return keys.saga .. id end

-- Whether the queue has any saga, so that nobody else pays for them.
function saga.any(keys)
    return redis.call('ZCARD', keys.sagas) > 0
end

-- The saga's state, nil when the job is none.
function saga.state(keys, id)
    return redis.call('HGET', keys.saga .. id, 'state') or nil
end

local function index(keys, id, state, now)
    redis.call('ZADD', keys.sagas, int(saga.RANK[state] * RANK_SPAN + now), id)
end

-- The scores that a state's sagas have, first and last.
function saga.span(state)
    local first = saga.RANK[state] * RANK_SPAN
    return int(first), int(first + RANK_SPAN - 1)
end

-- Writes a state and what else belongs to it; the words after `now` are fields and values.
function saga.set_state(keys, id, state, now, ...)
    redis.call('HSET', keys.saga .. id, 'state', state, 'since_ms', int(now), ...)
    index(keys, id, state, now)
end

-- The id of the consumer's delivery when it is still its own, nil when the job is another's by now.
function saga.is_own(keys, consumer, letter, entry, id)
    if not consumer or not id or not SUFFIX[letter or ''] then return false end
    local pending = redis.pcall('XPENDING', keys[letter], GROUP, entry, entry, 1, consumer)
    if is_error(pending) or not pending[1] then return false end
    return id == own_id(letter, entry) or redis.call('HGET', keys.moved, id) == letter .. entry
end

-- How deep a saga is nested: a child of none is 0.
local function depth_of(keys, fields)
    local parent = field(fields, 'parent')
    if not parent then return 0 end
    return (whole_number(redis.call('HGET', keys.saga .. parent, 'depth') or '') or 0) + 1
end

-- Makes a job a saga. Returns nil, or why it cannot be one.
function saga.make(keys, job, now, events)
    local fields = entry_fields(keys[job.letter], job.entry)
    if not fields then return 'its entry was deleted' end
    local depth = depth_of(keys, fields)
    if depth > saga.DEPTH_MAX then
        return 'sagas are nested at most ' .. saga.DEPTH_MAX .. ' deep (saga_depth_max)'
    end
    redis.call('HSET', keys.saga .. job.id, 'state', 'running', 'since_ms', int(now), 'next', '1',
        'kind', field(fields, 'kind') or '')
    if depth > 0 then redis.call('HSET', keys.saga .. job.id, 'depth', int(depth)) end
    index(keys, job.id, 'running', now)
    -- Signals that came before it was a saga stay as long as it does. (Workers have no right to PERSIST.)
    redis.call('PEXPIREAT', keys.signals .. job.id, int(now + DELAY_MS_MAX))
    note(events, 'saga', job.id)
    return nil
end

-- Why a step cannot have this name, nil when it can.
function saga.wrong_name(name)
    if name and #name > 0 and #name <= saga.NAME_BYTES_MAX and not string.find(name, '%c') then return nil end
    return 'a step name has 1 to ' .. saga.NAME_BYTES_MAX .. ' bytes (step_name_bytes_max) and no control characters, got "'
        .. string.sub(name or '', 1, 100) .. '"'
end

-- Readies the record for one step more. Returns its number, or nil and why there is none.
function saga.number(keys, id, given)
    local number = whole_number(given) or 1
    if number > saga.STEPS_MAX then
        return nil, 'a saga has at most ' .. saga.STEPS_MAX .. ' steps (saga_steps_max); end it, or start another for the rest'
    end
    return number
end

function saga.write_step(keys, id, name, step, ...)
    redis.call('HSET', keys.saga .. id, 'step:' .. name, pack_step(step), ...)
end

-- All steps in the order in which they began, as {name, step}, and the header.
function saga.read(keys, id)
    local flat = redis.call('HGETALL', keys.saga .. id)
    local header, steps = {}, {}
    for i = 1, #flat, 2 do
        local name = string.match(flat[i], '^step:(.*)$')
        if name then steps[#steps + 1] = { name, read_step(flat[i + 1]) } else header[flat[i]] = flat[i + 1] end
    end
    table.sort(steps, function(a, b) return a[2].seq < b[2].seq end)
    return header, steps
end

-- The envelope of a saga that goes on: it is known as one, and undoing is never too late and not the work's own attempts.
local function envelope(fields, phase, reason)
    if not phase then return with_fields(fields, { saga = '1' }) end
    return with_fields(fields, {
        saga = '1', phase = phase, expires_ms = false, attempt = false, recoveries = false, unstarted = false,
        unhandled_ms = false, recovered_ms = false, interrupted = false, last_error = clipped(reason, LAST_ERROR_BYTES_MAX),
    })
end

saga.envelope = envelope

-- Writes down that a saga has turned round. `how` is what it will be when all is undone: compensated or cancelled.
function saga.mark_turned(keys, id, how, reason, now, events)
    reason = clipped(reason, saga.REASON_BYTES_MAX)
    saga.set_state(keys, id, 'undoing', now, 'turn', how, 'reason', reason)
    redis.call('HDEL', keys.saga .. id, 'waits')
    saga.joins.abandon(keys, id, now, events)
    note(events, 'turned', with_text(id .. ' ' .. how, reason))
end

-- Sends a job back to undo what its saga did. Its old place is the caller's to empty. Returns nil, or what failed.
function saga.readd_to_undo(keys, id, fields, reason)
    local landed, failure = readd(keys, 'f', id, envelope(fields, 'undo', reason))
    return not landed and failure or nil
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
    local length = redis.pcall('XLEN', keys.bell)
    if length == 0 then redis.pcall('XADD', keys.bell, '*', 'due_ms', int(due)) end
end

-- Puts a saga's envelope among those that wait, until a time or for good. The delivery is the caller's to end.
function saga.park(keys, id, fields, due, now)
    redis.call('HSET', keys.waiting, id, cmsgpack.pack(fields))
    add_or_undo(keys.waiting, id, 'ZADD', keys.waits, int(due or NEVER), id)
    if not due then return end
    -- Whoever fetches looks at `waits` only where this is said, so that a queue without sagas does not pay for it.
    redis.call('HSET', keys.meta, 'waits', '1')
    ring_for(keys, due, now)
end

-- Ends a delivery whose job has gone on to another place.
function saga.end_delivery(keys, job)
    if job.id ~= own_id(job.letter, job.entry) then unpoint(keys, job.id, job.letter, job.entry) end
    forget_entries(keys[job.letter], { job.entry })
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

-- Closes a wait whose time has come.
function saga.close_due(step, now)
    if step.kind == 'z' then return saga.close_wait(step, now, nil, nil) end
    saga.close_wait(step, now, nil, 'timed out')
    step.extra = nil
end

-- Brings a saga that waits back to the front of the queue. Returns whether it did.
function saga.wake(keys, id, why, now, events)
    local fields = read_waiting(keys, id)
    if not fields then return false end
    local landed, failure = readd(keys, 'f', id, envelope(fields))
    if not landed then error(failure) end
    saga.set_state(keys, id, 'running', now)
    redis.call('HDEL', keys.saga .. id, 'waits')
    end_waiting(keys, id)
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
    saga.write_step(keys, id, name, step)
    if saga.state(keys, id) == 'waiting' and is_waited_for(keys, id, name) then
        saga.wake(keys, id, name, now, events)
    end
end

-- Turns a saga whose job would end otherwise, when it has anything to undo: its job is ready again, and its old place is the
-- caller's to empty. Returns whether it did. A saga that fails behind its pivot does not turn.
function saga.turns(keys, id, fields, how, reason, now, events)
    if field(fields, 'phase') or not saga.any(keys) then return false end
    local state = saga.state(keys, id)
    if not state or saga.FINAL[state] or state == 'stuck' then return false end
    if state ~= 'undoing' then
        local _, steps = saga.read(keys, id)
        if not saga.still_armed(steps) or (how == 'compensated' and saga.pivot_of(steps)) then return false end
        saga.mark_turned(keys, id, how, reason, now, events)
    end
    local failure = saga.readd_to_undo(keys, id, fields, reason)
    if failure then error(failure) end
    return true
end

-- The step behind which failures go forward, once it is done.
function saga.pivot_of(steps)
    for i = 1, #steps do
        if has(steps[i][2], 'p') and steps[i][2].state == 'd' then return steps[i][1] end
    end
    return nil
end

-- Turns a saga that waits.
function saga.turn_waiting(keys, id, fields, how, reason, now, events)
    saga.mark_turned(keys, id, how, reason, now, events)
    local failure = saga.readd_to_undo(keys, id, fields, reason)
    if failure then error(failure) end
    end_waiting(keys, id)
end

-- Closes those waits of a saga whose time has come.
local function close_due_waits(keys, id, now)
    local names = waited_for(redis.call('HGET', keys.saga .. id, 'waits'))
    for i = 1, #names do
        local step = read_step(redis.call('HGET', keys.saga .. id, 'step:' .. names[i]))
        if step and step.state == 'w' and step.due and step.due <= now then
            saga.close_due(step, now)
            saga.write_step(keys, id, names[i], step)
        end
    end
end

local function wake_due(keys, id, now, events)
    local fields = read_waiting(keys, id)
    if not fields then return redis.call('ZREM', keys.waits, id) end
    local expires = whole_number(field(fields, 'expires_ms'))
    if expires and expires <= now then
        return saga.turn_waiting(keys, id, fields, 'cancelled', 'deadline', now, events)
    end
    close_due_waits(keys, id, now)
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
    saga.set_state(keys, id, state, now, 'reason', clipped(reason or '', saga.REASON_BYTES_MAX))
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

-- Lets what belongs to a saga that has ended go by itself.
function saga.expire(keys, id, now)
    local found = keys_of_saga(keys, id)
    for i = 1, #found do redis.call('PEXPIREAT', found[i], int(now + saga.KEPT_MS)) end
    for state in pairs(saga.FINAL) do
        if state ~= 'failed' then
            local first = saga.span(state)
            local old = redis.call('ZRANGE', keys.sagas, first, int(tonumber(first) + now - saga.KEPT_MS), 'BYSCORE',
                'LIMIT', 0, FORGET_BATCH)
            if #old > 0 then redis.call('ZREM', keys.sagas, unpack(old)) end
        end
    end
end

-- What failed for good is to be tried again: a step runs again, a wait begins anew, an undo has all its tries again.
local function reopen_step(keys, id, name, step)
    if step.undo == 'x' then
        step.undo, step.undo_attempt = 'a', nil
    elseif step.state == 'f' and step.kind == 's' then
        step.state, step.ended = 't', nil
        if step.undo == 's' then step.undo = 'a' end
    elseif step.state == 'f' then
        if step.kind == 'j' then redis.call('DEL', saga.joins.key(keys, id, name)) end
        return redis.call('HDEL', keys.saga .. id, 'step:' .. name)
    else
        return
    end
    saga.write_step(keys, id, name, step)
end

-- Opens a saga again whose dead job is sent back.
function saga.reopen(keys, id, now, events)
    local header, steps = saga.read(keys, id)
    if header.state ~= 'failed' and header.state ~= 'stuck' then return end
    for i = 1, #steps do reopen_step(keys, id, steps[i][1], steps[i][2]) end
    redis.call('HDEL', keys.saga .. id, 'undoing')
    saga.set_state(keys, id, header.state == 'stuck' and 'undoing' or 'running', now)
    note(events, 'saga_reopened', id)
end

-- Lets a saga that was paused go on; a job that is ready or runs goes on by itself. Returns nil, or what failed.
function saga.resume(keys, id, before, reason, now, events)
    local fields = read_waiting(keys, id)
    if fields then
        local landed, failure = readd(keys, 'f', id, envelope(fields))
        if not landed then return failure end
    end
    saga.set_state(keys, id, before or 'running', now, 'reason', '')
    redis.call('HDEL', keys.saga .. id, 'before', 'waits')
    end_waiting(keys, id)
    note(events, 'saga_resumed', with_text(id, clipped(reason or '', saga.REASON_BYTES_MAX)))
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
    local changes = { id = false, saga = '1' }
    if whole_number(wall) and whole_number(cpu) and whole_number(usd) then
        changes.spent_wall_ms, changes.spent_cpu_ms = wall, cpu
        changes.spent_usd_micros = usd ~= '0' and usd or nil
        changes.waited_ms = whole_number(waited) and waited or nil
    end
    return changes
end
