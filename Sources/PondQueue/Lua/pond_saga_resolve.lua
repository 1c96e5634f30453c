-- A person says what became of a step: of one that nobody knows of after a crash, of a wait that is open, of one that failed, of
-- one that the handler cannot go on from (plan_mismatch), or of an undo. Then the saga goes on where it stopped.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  the step's name   3  done, retry or abandon   4  why   5  the result, of a step that is done
-- returns  {'moved'} · {'unknown'} · {'refused', TEXT}

local HOW = { done = true, retry = true, abandon = true }

-- Whether a person may say what becomes of an undo: it has failed for good, its saga undoes and the handler does not come by
-- its step any more, or it has failed and rests before its next try.
local function is_asked_of(step, how, header)
    if step.undo == 'x' then return true end
    if step.undo ~= 'a' and step.undo ~= 'r' then return false end
    if header.state == 'paused' then return header.before == 'undoing' and how ~= 'retry' end
    return header.state == 'undoing' and (step.undo_attempt or 0) > 0
end

-- What is said of an undo. Returns false when the step has none that anybody asked about.
local function resolve_undo(step, how, header)
    if not is_asked_of(step, how, header) then return false end
    step.undo = how == 'done' and 'd' or how == 'retry' and 'a' or 'b'
    if how == 'retry' then step.undo_attempt = nil end
    return true
end

-- What is said of a step that nobody knows of, or that failed. Returns false when nobody asked.
local function resolve_step(step, how, result, now)
    if step.state ~= 'u' and not (step.state == 'f' and step.kind == 's') then return false end
    -- It did happen, or will: what had surely not happened before is to be undone from here on.
    if how ~= 'abandon' and step.undo == 's' then step.undo = 'a' end
    if how == 'done' then
        saga.close_wait(step, now, result, nil)
    elseif how == 'retry' then
        step.state, step.ended = 't', nil
    else
        -- It did not happen, so there is nothing to undo.
        step.state, step.undo = 's', step.undo == 'a' and 's' or step.undo
    end
    return true
end

-- What is said of a step whose result the handler cannot read: another result, or of a signal that the next one is waited
-- for. Returns false when nobody asked.
local function resolve_misfit(keys, id, name, step, how, result, header)
    local begins = 'plan_mismatch: ' .. name
    local is_asked = header.state == 'paused' and step.state == 'd' and string.sub(header.reason, 1, #begins + 1) == begins .. ':'
    if not is_asked then return false end
    if how == 'retry' and step.kind == 'g' then
        redis.call('HDEL', keys.saga .. id, 'step:' .. name)
        return true
    end
    if how ~= 'done' or not result then return false end
    step.result = result
    saga.write_step(keys, id, name, step)
    return true
end

-- Lets a saga go on at once that rests between two tries of an undo.
local function end_rest(keys, id, name, header)
    if header.undoing == name then redis.call('HDEL', keys.saga .. id, 'undoing', 'undo_ms') end
    local packed = redis.call('HGET', keys.held, id)
    if not packed then return nil end
    local landed, failure = readd(keys, 'f', id, cmsgpack.unpack(packed))
    if not landed then return failure end
    end_held(keys, id)
    return nil
end

local function go_on(keys, names, id, name, header, reason, now, events)
    if header.state == 'paused' then return saga.resume(keys, id, header.before, reason, now, events) end
    if header.state == 'undoing' then return end_rest(keys, id, name, header) end
    if header.state ~= 'stuck' and header.state ~= 'failed' then return nil end
    local answer = send_back({ names[1] }, { id }, {})
    if is_error(answer) then return answer.err end
    if answer[1] == 'unknown' and header.state == 'stuck' then
        -- Whoever had it died between the saga's end and its job's, so that its job comes back by itself.
        saga.reopen(keys, id, now, events)
        return nil
    end
    return answer[1] ~= 'enqueued' and 'its job is ' .. answer[1] or nil
end

-- Why nobody can say anything of a step now.
local function refusal(keys, id, name, header)
    if saga.FINAL[header.state] and header.state ~= 'failed' then return 'the saga is ' .. header.state end
    if header.state ~= 'undoing' or header.undoing ~= name then return nil end
    local found = places.find(keys, id)
    return found and found.owner and 'its undo runs just now; wait for the end of this try, or pause the saga' or nil
end

local function resolve(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id, name, how, reason = args[1] or '', args[2] or '', args[3] or '', clipped(args[4] or '', saga.REASON_BYTES_MAX)
    local result = args[5] ~= '' and args[5] or nil
    if not HOW[how] then return redis.error_reply('INVALID answer: expected done, retry or abandon') end
    if result and #result > RESULT_BYTES_MAX then
        return { 'refused', 'a result has at most ' .. RESULT_BYTES_MAX .. ' bytes (step_result_bytes_max)' }
    end
    local values = redis.call('HMGET', keys.saga .. id, 'state', 'before', 'step:' .. name, 'reason', 'undoing')
    local header = { state = values[1], before = values[2] or nil, reason = values[4] or '', undoing = values[5] }
    local step = saga.read_step(values[3])
    if not header.state or not step then return { 'unknown' } end
    local refused = refusal(keys, id, name, header)
    if refused then return { 'refused', refused } end
    local now, events = now_ms(), {}
    if step.state == 'w' and header.state ~= 'undoing' and how ~= 'retry' then
        if step.kind == 'j' then joins.abandon_one(keys, id, name, now, events) end
        saga.deliver(keys, id, name, step, result, how == 'abandon' and 'abandoned: ' .. reason or nil, now, events)
    elseif resolve_misfit(keys, id, name, step, how, result, header) then
        local failure = go_on(keys, names, id, name, header, reason, now, events)
        if failure then return { 'refused', failure } end
    elseif resolve_undo(step, how, header) or resolve_step(step, how, result, now) then
        saga.write_step(keys, id, name, step)
        local failure = go_on(keys, names, id, name, header, reason, now, events)
        if failure then return { 'refused', failure } end
    else
        return { 'refused', 'nobody has to say what became of step "' .. name .. '": it is '
            .. saga.told(name, step)[3] .. ', its undo ' .. saga.told(name, step)[7] }
    end
    note(events, 'saga_resolved', with_text(id .. ' ' .. how .. ' ' .. name, reason))
    write_journal(keys, '', events)
    return { 'moved' }
end

redis.register_function{ function_name = 'pond_saga_resolve', callback = resolve }
