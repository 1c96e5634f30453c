-- Replays a saga from a step: a new saga that has the results of the steps before it, and runs on from there.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  the step to begin with, '' for none of those that are done
--          3  same: steps have the keys of the old saga, so that outside systems do again nothing that they did; refused when
--             any step was undone, or will be   new: the new saga's own keys; steps that were undone run again,
--             and those that it begins with keep theirs
--          4  who and why   5  another payload, or '' or nothing for the old one
--          6 …  the names of steps with the effect once that may run again though they are done; others are refused
-- returns  {'enqueued', id} · {'unknown'} · {'refused', TEXT}

local ENDED = { paused = true, stuck = true }
local DROPPED = {
    id = false, enqueued_ms = false, attempt = false, recoveries = false, unstarted = false, fence = false, spent_wall_ms = false,
    spent_cpu_ms = false, spent_usd_micros = false, last_error = false, unhandled_ms = false, waited_ms = false, phase = false,
    interrupted = false, recovered_ms = false, key = false, expires_ms = false, saga_parent = false, saga_step = false, saga_index = false,
    saga_run = '1',
    flow_digest = false,   -- which document of a flow it was started by: with its first step it keeps that, or takes another
}
local WORDS_AT_ONCE = 1000

-- The job as it was given; nil when nobody has it any more.
local function envelope_of(keys, id, header)
    local found = places.find(keys, id)
    if found then return found.fields end
    local ok, fields = pcall(cmsgpack.unpack, header.envelope or '')
    return ok and type(fields) == 'table' and fields or nil
end

local function was_undone(step)
    return step.undo == 'd' or step.undo == 'r' or step.undo == 'b' or step.undo == 'x'
end

-- Whether what the old saga did is, or will be, undone there: a replay must not build on it.
local function is_taken_back(step, header)
    local will_be = header.turn and not saga.FINAL[header.state] and step.undo == 'a'
    return was_undone(step) or will_be and step.state ~= 's'
end

-- Why a replay cannot share the keys of the old saga, nil when it can.
local function unshareable(steps, header)
    for i = 1, #steps do
        if is_taken_back(steps[i][2], header) then
            return 'step "' .. steps[i][1] .. '" ' .. (was_undone(steps[i][2]) and 'was undone' or 'will be undone')
                .. '; with the same keys the other side would say that it is done, and do nothing. Replay with new keys'
        end
    end
    return nil
end

-- Why steps that run again must not, nil when they may.
local function runs_twice(steps, kept, again)
    local stays = {}
    for i = 1, #kept do stays[kept[i][1]] = true end
    for i = 1, #steps do
        local name, step = steps[i][1], steps[i][2]
        local may_have_happened = step.state == 'd' or step.state == 'u' or step.state == 'r'
        if step.effect == 'o' and may_have_happened and step.undo ~= 'd' and not stays[name] and not again[name] then
            return 'step "' .. name .. '" has the effect once and ' .. (step.state == 'd' and 'is done' or 'may have happened')
                .. ', and would run again. Say that it may (--again), or replay from a step behind it'
        end
    end
    return nil
end

-- The steps that the new saga begins with, or nil and why it cannot.
local function kept_steps(steps, from, header)
    local kept, found = {}, from == ''
    for i = 1, #steps do
        local name, step = steps[i][1], steps[i][2]
        if name == from then
            found = true
            break
        end
        -- A failure that the handler went past is a result, too: else its step would run anew, behind its successors.
        if (step.state == 'd' or (step.state == 'f' and i < #steps)) and not is_taken_back(step, header) then
            kept[#kept + 1] = steps[i]
        end
    end
    if not found then return nil, 'it has no step "' .. from .. '"' end
    return kept
end

-- What children of a kept fan-out brought.
local function copy_join(keys, id, new_id, name)
    local flat = redis.call('HGETALL', joins.key(keys, id, name))
    for first = 1, #flat, WORDS_AT_ONCE do
        redis.call('HSET', joins.key(keys, new_id, name), unpack(flat, first, math.min(first + WORDS_AT_ONCE - 1, #flat)))
    end
end

local function write_saga(keys, id, new_id, header, kept, mode, from, stays, now)
    redis.call('HSET', keys.saga .. new_id, 'kind', header.kind or '', 'forked_from', id, 'fork_step', from,
        'next', int(#kept + 1))
    if mode == 'same' then redis.call('HSET', keys.saga .. new_id, 'keys', header.keys or id) end
    -- What the old saga did to its end, or behind its pivot, is not the new one's to undo: with the same keys it would undo that
    -- in whatever it undoes, so it goes forward only; with its own it undoes its own steps.
    if stays and mode == 'same' then redis.call('HSET', keys.saga .. new_id, 'forward', id) end
    local fan_outs = {}
    for i = 1, #kept do
        local name, step = kept[i][1], kept[i][2]
        step.seq = i
        if stays and mode == 'new' and step.undo == 'a' then step.undo = 'n' end
        -- What it did, it did with its old key, and is undone by that.
        if mode == 'new' then step.keys = step.keys or header.keys or id end
        saga.write_step(keys, new_id, name, step)
        saga.count_result(keys, new_id, step.result)
        if step.kind == 'j' then
            copy_join(keys, id, new_id, name)
            fan_outs[#fan_outs + 1] = name
        end
    end
    if #fan_outs > 0 then redis.call('HSET', keys.saga .. new_id, 'joins', cmsgpack.pack(fan_outs)) end
    saga.set_state(keys, new_id, 'running', now)
end

local function fork(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id, from, mode = args[1] or '', args[2] or '', args[3]
    if mode ~= 'same' and mode ~= 'new' then return redis.error_reply('INVALID keys: expected same or new') end
    local header, steps = saga.read(keys, id)
    if not header.state then return { 'unknown' } end
    if not saga.FINAL[header.state] and not ENDED[header.state] then
        return { 'refused', 'the saga is ' .. header.state .. '; pause or cancel it first' }
    end
    local fields = envelope_of(keys, id, header)
    if not fields then return { 'refused', 'its job is gone; enqueue one anew' } end
    local kept, wrong = kept_steps(steps, from, header)
    if not kept then return { 'refused', wrong } end
    local again = {}
    for i = 6, #args do again[args[i]] = true end
    wrong = mode == 'same' and unshareable(steps, header) or runs_twice(steps, kept, again)
    if wrong then return { 'refused', wrong } end
    local now, events = now_ms(), {}
    local changes = { causation_id = id, correlation_id = field(fields, 'correlation_id') or id }
    for name, value in pairs(DROPPED) do changes[name] = value end
    if args[5] and args[5] ~= '' then
        if #args[5] > PAYLOAD_BYTES_MAX then return { 'refused', 'a payload has at most ' .. PAYLOAD_BYTES_MAX .. ' bytes' } end
        changes.data = args[5]
    end
    local landed, entry = append(keys, home_code(id), with_fields(fields, changes))
    if not landed then return redis.error_reply(entry) end
    local new_id = own_id(landed, entry)
    local stays = header.state == 'done' or saga.pivot_of(steps, header)
    write_saga(keys, id, new_id, header, kept, mode, from, stays, now)
    redis.call('HSET', keys.saga .. id, 'forked_to', new_id)
    note(events, 'saga_forked', with_text(id .. ' ' .. new_id .. ' ' .. mode .. ' ' .. from,
        clipped(args[4] or '', saga.REASON_BYTES_MAX)))
    write_journal(keys, '', events)
    return { 'enqueued', new_id }
end

redis.register_function{ function_name = 'pond_fork', callback = fork }
