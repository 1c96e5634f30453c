-- Exports: joins
-- Fan-outs: child jobs of a saga whose ends are counted. `join:ID:STEP` has what is counted (total, given, next, ok, bad), how
-- many must be done, and of each child by its number `p:` its payload until it is started, `c:` its id and `r:` how it ended: 1
-- and its result, or 0 and the error. A child knows its place by its fields saga_parent, saga_step and saga_index, and counts once.

joins = {}
saga.joins = joins

joins.CHILDREN_MAX = 10000
joins.AT_ONCE_MAX = 1000
joins.PAGE_MAX = 256
local COUNTS = {
    'total', 'limit', 'need', 'policy', 'kind', 'given', 'next', 'ok', 'bad', 'closed', 'correlation_id', 'class', 'max_attempts',
    'timeout_ms', 'intent_budget',
}
local TEXTS = {
    policy = true, kind = true, closed = true, correlation_id = true, class = true, max_attempts = true, timeout_ms = true,
    intent_budget = true,
}
local OF_CHILDREN = { 'class', 'intent_budget', 'max_attempts', 'timeout_ms' }

function joins.key(keys, id, name) return keys.join .. id .. ':' .. name end

local function read(key)
    local values = redis.call('HMGET', key, unpack(COUNTS))
    if not values[1] then return nil end
    local join = {}
    for i = 1, #COUNTS do
        local name, value = COUNTS[i], values[i]
        if TEXTS[name] then join[name] = value or nil else join[name] = whole_number(value or '') or 0 end
    end
    return join
end

local function start_one(keys, key, id, name, join, number)
    local fields = {
        'kind', join.kind, 'data', redis.call('HGET', key, 'p:' .. int(number)) or '', 'saga_parent', id, 'saga_step', name,
        'saga_index', int(number), 'correlation_id', join.correlation_id, 'causation_id', id,
    }
    for i = 1, #OF_CHILDREN do
        local value = join[OF_CHILDREN[i]]
        if value and value ~= '' then fields[#fields + 1], fields[#fields + 2] = OF_CHILDREN[i], value end
    end
    local landed, entry = append(keys, home_code(id), fields)
    if not landed then error(entry) end
    redis.call('HSET', key, 'c:' .. int(number), own_id(landed, entry), 'next', int(number + 1))
    redis.call('HDEL', key, 'p:' .. int(number))
    join.next = number + 1
end

-- Starts children while fewer are on their way than may be.
local function start_more(keys, key, id, name, join)
    while join.next < join.given and join.next - join.ok - join.bad < join.limit do
        start_one(keys, key, id, name, join, join.next)
    end
end

-- Cancels those children that have not ended.
local function cancel_rest(keys, key, join, now, events)
    for i = 0, join.next - 1 do
        local child, ended = unpack(redis.call('HMGET', key, 'c:' .. int(i), 'r:' .. int(i)))
        if child and not ended then joins.cancel(keys, child, now, events, 'parent') end
    end
end

-- Counts those children as ended that are in no place any more, as after somebody deleted them: nobody else will say so.
function joins.count_lost(keys, id)
    local names = saga.waited_for(redis.call('HGET', keys.saga .. id, 'joins'))
    for i = 1, #names do
        local key = joins.key(keys, id, names[i])
        local join = read(key)
        local open = join and join.next - join.ok - join.bad or 0
        for number = 0, open > 0 and join.next - 1 or -1 do
            local child, ended = unpack(redis.call('HMGET', key, 'c:' .. int(number), 'r:' .. int(number)))
            if child and not ended and not places.find(keys, child) then
                redis.call('HSET', key, 'r:' .. int(number), '0lost: it is in no place any more')
                redis.call('HINCRBY', key, 'bad', 1)
            end
        end
    end
end

-- Whether a child of a saga has not ended yet.
function joins.any_open(keys, id)
    local names = saga.waited_for(redis.call('HGET', keys.saga .. id, 'joins'))
    for i = 1, #names do
        local join = read(joins.key(keys, id, names[i]))
        if join and join.next > join.ok + join.bad then return true end
    end
    return false
end

-- How a join ends as far as can be told, nil while it is open.
local function verdict(join)
    local others = join.total - join.bad
    if join.policy == 'best_effort' then return join.ok + join.bad >= join.total and 'done' or nil end
    if join.ok >= join.need then return 'done' end
    return others < join.need and 'failed' or nil
end

local function close(keys, key, id, name, join, how, failure, now, events)
    redis.call('HSET', key, 'closed', how)
    cancel_rest(keys, key, join, now, events)
    local step = saga.read_step(redis.call('HGET', keys.saga .. id, 'step:' .. name))
    if not step or (step.state ~= 'w' and step.state ~= 'r') then return end
    note(events, 'joined', id .. ' ' .. how .. ' ' .. name)
    local text = how == 'failed' and 'children_failed: ' .. (failure or 'too few are left that can be done') or nil
    saga.deliver(keys, id, name, step, nil, text, now, events)
end

-- Until all pages are there its step is running, not waiting: whoever goes on after a crash gives the rest.
local function note_all_given(keys, id, name, join)
    if join.given < join.total then return end
    local step = saga.read_step(redis.call('HGET', keys.saga .. id, 'step:' .. name))
    if not step or step.state ~= 'r' then return end
    step.state = 'w'
    saga.write_step(keys, id, name, step)
end

-- Adds a page of payloads and starts what may be started.
function joins.add(context, name, offset, args, first)
    local keys, id = context.keys, context.job.id
    local key = joins.key(keys, id, name)
    local join = read(key)
    if not join then return { 'refused', 'the fan-out "' .. name .. '" is gone' } end
    if offset > join.given then return { 'refused', 'the pages before ' .. int(offset) .. ' are missing' } end
    for i = join.given, offset + #args - first do
        redis.call('HSET', key, 'p:' .. int(i), args[first + i - offset], 'given', int(i + 1))
        join.given = i + 1
    end
    note_all_given(keys, id, name, join)
    if join.closed then return { 'go', '1', '' } end
    start_more(keys, key, id, name, join)
    local how = verdict(join)
    if how then close(keys, key, id, name, join, how, nil, context.now, context.events) end
    return { 'go', '1', '' }
end

-- A child has ended: done with a result, or otherwise with a text that begins with how. Counted once, whoever says it.
function joins.ended(keys, fields, child, is_done, text, now, events)
    local id, name, number = field(fields, 'saga_parent'), field(fields, 'saga_step'), field(fields, 'saga_index')
    if not id or not name or not whole_number(number) then return end
    local key = joins.key(keys, id, name)
    local known = redis.call('HMGET', key, 'c:' .. number, 'r:' .. number)
    if known[1] ~= child or known[2] then return end
    local join = read(key)
    if not join then return end
    if is_done and #text > RESULT_BYTES_MAX then is_done, text = false, 'done, but its result is too long' end
    redis.call('HSET', key, 'r:' .. number, (is_done and '1' or '0') .. (is_done and text or clipped(text, LAST_ERROR_BYTES_MAX)))
    local counted = is_done and 'ok' or 'bad'
    join[counted] = redis.call('HINCRBY', key, counted, 1)
    if join.closed then return saga.go_undo(keys, id, now, events) end
    local how = verdict(join)
    if how then
        return close(keys, key, id, name, join, how, 'child ' .. number .. ' (' .. child .. '): ' .. text, now, events)
    end
    start_more(keys, key, id, name, join)
end

-- Ends a fan-out that nobody waits for any more: nothing more is started, and what runs is cancelled.
function joins.abandon_one(keys, id, name, now, events)
    local key = joins.key(keys, id, name)
    local join = read(key)
    if not join or join.closed then return end
    redis.call('HSET', key, 'closed', 'abandoned')
    cancel_rest(keys, key, join, now, events)
end

-- Ends all fan-outs of a saga that goes no further.
function joins.abandon(keys, id, now, events)
    local names = saga.waited_for(redis.call('HGET', keys.saga .. id, 'joins'))
    for i = 1, #names do joins.abandon_one(keys, id, names[i], now, events) end
end

-- Whether a saga has not ended though its job is nowhere: its entry was deleted, so nobody can go on with it or undo it.
local function is_lost(keys, id)
    if not saga.any(keys) then return false end
    local state = saga.state(keys, id)
    return state and not saga.FINAL[state] or false
end

-- The saga that goes on with what a paused one did; nil when there is none.
local function replay_of(keys, id)
    if not saga.any(keys) then return nil end
    local state, before, replay = unpack(redis.call('HMGET', keys.saga .. id, 'state', 'before', 'forked_to'))
    return state == 'paused' and before ~= 'undoing' and replay or nil
end

-- What it did is its replay's to undo.
local function end_replayed(keys, found, place, replay, now, events)
    joins.abandon(keys, found.id, now, events)
    saga.finish(keys, found.id, 'abandoned', 'replayed as ' .. replay .. ', which goes on with what it did', now, events)
    free_key(keys, found.fields, found.id)
    place.drop(keys, found)
    note_facts(events, found.id, found.fields)
    note(events, 'cancelled', found.id)
    joins.job_ended(keys, found.id, found.fields, 'cancelled', now, events)
end

local GOES_FORWARD = { running = true, waiting = true, paused = true }

-- Why a saga is not cancelled, nil when it is: it is behind its pivot, or somebody has paused it, and its parent waits until he
-- lets it go on.
local function keeps_on(keys, id, by)
    if by == 'force' or not saga.any(keys) or not GOES_FORWARD[saga.state(keys, id) or ''] then return nil end
    local header, steps = saga.read(keys, id)
    local pivot = saga.pivot_of(steps, header)
    if pivot then return 'forward_only', pivot end
    if by ~= 'parent' or header.state ~= 'paused' then return nil end
    redis.call('HSET', keys.saga .. id, 'cancel_later', '1')
    return 'cancelling'
end

-- Cancels a job that has not ended: a saga turns round when it has anything to undo. `by` is nil for a person, force for one
-- who has it undone what is behind a pivot, too, and parent for a fan-out that nobody waits for any more. Returns cancelled,
-- cancelling or unknown, or that nothing was changed: forward_only and the pivot.
function joins.cancel(keys, id, now, events, by)
    local found, place = places.find(keys, id)
    if not found and is_lost(keys, id) then
        joins.abandon(keys, id, now, events)
        saga.finish(keys, id, 'abandoned', 'lost: its job is in no place any more', now, events)
        return 'cancelled'
    end
    if not found or not (place.drop or found.state == 'dead') or found.state == 'dead' then return 'unknown' end
    -- A producer that appended to a stream itself may name the job by its bare entry.
    if found.code then found.id = job_id(keys, found.code, found.entry, found.fields) end
    if field(found.fields, 'phase') == 'undo' then return 'cancelling' end
    local replay = by ~= 'force' and not found.owner and replay_of(keys, found.id)
    if replay then
        end_replayed(keys, found, place, replay, now, events)
        return 'cancelled'
    end
    local kept, pivot = keeps_on(keys, found.id, by)
    if kept then return kept, pivot end
    if found.owner then
        if saga.state(keys, found.id) == 'running' then
            saga.mark_turned(keys, found.id, found.fields, 'cancelled', 'cancelled', now, events)
        end
        redis.call('HSET', keys.cancel, found.id, found.owner)
        return 'cancelling'
    end
    local turned, waits = saga.turns(keys, found.id, found.fields, 'cancelled', 'cancelled', now, events, by)
    if turned then
        -- Its new entry is pointed to; of the old place only the place itself is left, unless it waits in that again.
        if found.code then
            drop_entry(keys, found)
        elseif not waits or found.state ~= 'waiting' then
            place.drop(keys, found)
        end
        return 'cancelling'
    end
    free_key(keys, found.fields, found.id)
    place.drop(keys, found)
    note_facts(events, found.id, found.fields)
    note(events, 'cancelled', found.id)
    joins.job_ended(keys, found.id, found.fields, 'cancelled', now, events)
    return 'cancelled'
end

local ENDS_OF_SAGA = { cancelled = 'cancelled', expired = 'cancelled', done = 'done', compensated = 'compensated' }

-- A job has ended otherwise than dead: its saga ends, and its parent's join counts it.
function joins.job_ended(keys, id, fields, how, now, events, result)
    if saga.any(keys) then
        local state = saga.state(keys, id)
        if state and not saga.FINAL[state] and ENDS_OF_SAGA[how] then
            saga.finish(keys, id, ENDS_OF_SAGA[how], how == 'expired' and how or '', now, events)
        end
        -- A replay begins with the same job.
        if state then redis.call('HSET', keys.saga .. id, 'envelope', cmsgpack.pack(fields)) end
    end
    if field(fields, 'saga_parent') then joins.ended(keys, fields, id, how == 'done', how == 'done' and result or how, now, events) end
end

-- A job is dead. Its saga has failed; one that was undoing is stuck, and a person has to say how it goes on.
function joins.job_died(keys, id, fields, cause, text, now, events)
    if saga.any(keys) then
        local state = saga.state(keys, id)
        if state == 'undoing' then
            saga.finish(keys, id, 'stuck', cause .. ': ' .. text, now, events)
        elseif state and not saga.FINAL[state] and state ~= 'stuck' then
            saga.finish(keys, id, 'failed', cause .. ': ' .. text, now, events)
        end
    end
    if field(fields, 'saga_parent') then joins.ended(keys, fields, id, false, 'dead ' .. cause .. ': ' .. text, now, events) end
end

-- A dead job was forgotten: so is its saga, in a while.
function joins.job_forgotten(keys, id, fields, how, now, events)
    if saga.any(keys) then
        local state = saga.state(keys, id)
        if state == 'stuck' or state == 'failed' then saga.finish(keys, id, 'abandoned', how, now, events) end
    end
    if field(fields, 'saga_parent') then joins.ended(keys, fields, id, false, how, now, events) end
end
