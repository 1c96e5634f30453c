-- Writes down what steps of a saga do, several a call: before one runs, after it ran, before and after its undo, and the end
-- of all. The first `begin` makes the job a saga. Only the job's owner may; whoever has lost it changes nothing.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  code   3  entry   4  the job's id, then records:
--            begin   name  kind (step or callback)  effect  flags: u it has an undo, p it is the pivot, r and digits: the
--                    micro-dollars of its budget that the saga keeps for undos   fingerprint
--                    token  SHA-256 of the token in hex  how long the token may be used, ms   ('' for what does not apply)
--            commit  name  done, retry, failed, failed_surely (what it does has not happened: it needs no undo), unknown (it must
--                    not run again, and nobody knows whether it happened) or sent
--                    the result or the error
--            undo    name
--            undone  name  done, retry, stuck or skipped   the error
--            end     done, compensated, cancelled, failed or stuck   the reason
-- returns  one list a record, in order, its first word of
--            begin   go attempt token · known STEP · mismatch STEP · undoing · paused · lost · refused TEXT
--            commit  kept · late · lost · refused TEXT
--            undo    go attempt · over · lost · refused TEXT
--            undone  moved · lost · refused TEXT           end  moved · lost · refused TEXT
--          STEP is 18 words, as in pond_saga

local LENGTHS = { begin = 9, commit = 4, undo = 2, undone = 4, ['end'] = 3 }

local function hget_step(context, name)
    return redis.call('HMGET', context.key, 'state', 'next', 'step:' .. name, 'kind', 'undo_ms', 'bytes')
end

local function open_token(context, name, hash, due)
    local holder = redis.call('HGET', context.keys.token .. hash, 'id')
    if holder and holder ~= context.job.id then return 'the token is in use; make another' end
    redis.call('HSET', context.keys.token .. hash, 'id', context.job.id, 'step', name,
        'expires_ms', due and int(due) or '')
    local tokens = redis.call('HGET', context.key, 'tokens')
    redis.call('HSET', context.key, 'tokens', tokens and tokens .. ' ' .. hash or hash)
    return nil
end

local function check_begin(name, kind, effect, token, hash, within)
    local wrong = saga.wrong_name(name)
    if wrong then return wrong end
    if (kind ~= 'step' and kind ~= 'callback') or not saga.EFFECTS[effect] then
        return 'expected a kind of step or callback and an effect of pure, keyed, query or once'
    end
    if kind == 'callback' and (token == '' or not string.find(hash, '^%x+$') or #hash ~= 64) then
        return 'a callback needs its token and the SHA-256 of that in hex'
    end
    local span = whole_number(within)
    if within ~= '' and (not span or span > DELAY_MS_MAX) then return 'a token may be used for ten years at most' end
    return nil
end

local function begin_new(context, found, name, kind, effect, flags, fingerprint, token, hash, within)
    local number, full = saga.number(found[2], found[6])
    if not number then return { 'refused', full } end
    local due = whole_number(within) and context.now + whole_number(within)
    if kind == 'callback' then
        local wrong = open_token(context, name, hash, due)
        if wrong then return { 'refused', wrong } end
    end
    saga.write_step(context.keys, context.job.id, name, {
        state = 'r', kind = saga.KINDS[kind], seq = number, attempt = 1, effect = saga.EFFECTS[effect],
        undo = string.find(flags, 'u', 1, true) and 'a' or 'n', began = context.now,
        flags = string.find(flags, 'p', 1, true) and 'p' or nil, fingerprint = fingerprint ~= '' and fingerprint or nil,
        fence = context.fence, token = token ~= '' and token or nil, due = due or nil,
        extra = hash ~= '' and hash or nil,
    }, 'next', int(number + 1))
    local reserve = string.match(flags, 'r(%d+)')
    if reserve then redis.call('HSET', context.key, 'undo_reserve', reserve) end
    return { 'go', '1', token }
end

-- A step that was begun before. Whose worker died in the middle is run again, unless that must not be.
local function begin_again(context, step, name, flags)
    if step.fence == context.fence and step.state == 'r' then
        return { 'go', int(step.attempt), step.token or '' }   -- the same call once more: its answer was lost
    end
    if step.state == 'r' then saga.flag(step, 'd') end
    if step.state == 'r' and step.effect == 'o' then
        step.state, step.error = 'u', nil
        saga.write_step(context.keys, context.job.id, name, step)
        note(context.events, 'step_unknown', context.job.id .. ' ' .. name)
        return { 'known', saga.told(name, step) }
    end
    step.state, step.fence, step.attempt = 'r', context.fence, math.min((step.attempt or 0) + 1, COUNT_MAX)
    if step.undo == 'n' and string.find(flags, 'u', 1, true) then step.undo = 'a' end
    saga.write_step(context.keys, context.job.id, name, step)
    return { 'go', int(step.attempt), step.token or '' }
end

local function begin(context, name, kind, effect, flags, fingerprint, token, hash, within)
    local wrong = check_begin(name, kind, effect, token, hash, within)
    if wrong then return { 'refused', wrong } end
    local found = hget_step(context, name)
    if not found[1] then
        wrong = saga.make(context.keys, context.job, context.now, context.events)
        if wrong then return { 'refused', wrong } end
        found[1] = 'running'
    end
    local step = saga.read_step(found[3])
    if step and (step.kind ~= saga.KINDS[kind]
        or (fingerprint ~= '' and step.fingerprint and step.fingerprint ~= fingerprint)) then
        return { 'mismatch', saga.told(name, step) }
    end
    if step and step.state ~= 'r' and step.state ~= 't' then return { 'known', saga.told(name, step) } end
    if found[1] == 'paused' or found[1] == 'undoing' then return { found[1] } end
    if found[1] ~= 'running' and found[1] ~= 'waiting' then return { 'refused', 'the saga is ' .. found[1] } end
    if step then return begin_again(context, step, name, flags) end
    return begin_new(context, found, name, kind, effect, flags, fingerprint, token, hash, within)
end

local ENDS = { done = 'd', retry = 't', failed = 'f', failed_surely = 'f', unknown = 'u' }

local function commit_refusal(step, name, how, text)
    if not step then return 'step "' .. name .. '" has not begun' end
    if how == 'done' and #text > RESULT_BYTES_MAX then
        return 'the result of step "' .. name .. '" has ' .. #text .. ' bytes, allowed are ' .. RESULT_BYTES_MAX
            .. ' (step_result_bytes_max); store it yourself and return a reference to it'
    end
    if not ENDS[how] and how ~= 'sent' then return 'expected done, retry, failed, failed_surely, unknown or sent' end
    return nil
end

local function note_end(context, kind, name, step, how, text)
    if how == 'unknown' then return note(context.events, 'step_unknown', context.job.id .. ' ' .. name) end
    local event = how == 'done' and 'step' or how == 'retry' and 'step_retried' or 'step_failed'
    note_step(context.events, event, context.job.id, '', name, how ~= 'done' and text or nil, kind, step.attempt,
        step.ended or math.max(0, context.now - step.began))
end

local function commit_sent(context, name, step)
    -- Its answer may have been quicker than this.
    if step.state == 'r' then step.state = 'w' end
    step.token, step.fence = nil, nil
    saga.write_step(context.keys, context.job.id, name, step)
    return { 'kept' }
end

local function commit(context, name, how, text)
    local found = hget_step(context, name)
    local step = saga.read_step(found[3])
    local wrong = commit_refusal(step, name, how, text)
    if wrong then return { 'refused', wrong } end
    local late = found[1] == 'undoing'
    -- A question that was not sent to its end, and has its answer all the same, was heard.
    local is_answered = step.kind == saga.KINDS.callback and (step.state == 'd' or step.state == 'f')
    if how == 'sent' or is_answered then
        commit_sent(context, name, step)
        return { late and 'late' or 'kept' }
    end
    if step.state == 'd' or step.state == 'f' or step.state == 's' or step.state == 'u' then
        local is_same = step.state == ENDS[how] and (how ~= 'done' or (step.result or '') == text)
        return is_same and { late and 'late' or 'kept' } or { 'refused', 'step "' .. name .. '" has ended already, otherwise' }
    end
    step.state, step.fence = ENDS[how], nil
    if how == 'retry' or how == 'failed' or how == 'unknown' then saga.flag(step, 'd') end
    -- What is certain of this attempt is not of those before it.
    if how == 'failed_surely' and step.undo == 'a' and not saga.has(step, 'd') then step.undo = 's' end
    if how == 'done' then
        step.result, step.error = text ~= '' and text or nil, nil
        saga.count_result(context.keys, context.job.id, text)
    else
        step.error = clipped(text, LAST_ERROR_BYTES_MAX)
    end
    if how == 'unknown' then
        step.token = nil
    elseif how ~= 'retry' then
        step.ended, step.token = math.max(0, context.now - step.began), nil
    end
    if late then saga.flag(step, 'l') end
    saga.write_step(context.keys, context.job.id, name, step)
    note_end(context, found[4], name, step, how, text)
    return { late and 'late' or 'kept' }
end

-- Undos go from the newest down, one after the other.
local function undo(context, name)
    local found = redis.call('HMGET', context.key, 'state', 'step:' .. name, 'undoing', 'undo_at')
    local step = saga.read_step(found[2])
    if not step then return { 'refused', 'step "' .. name .. '" has not begun' } end
    if found[1] ~= 'undoing' then return { 'refused', 'the saga is ' .. (found[1] or 'none') .. '; it has not turned round' } end
    if step.undo ~= 'a' and step.undo ~= 'r' then return { 'over' } end
    if found[3] and found[3] ~= name then
        return { 'refused', 'the undo of "' .. found[3] .. '" has not ended; undos run one after the other' }
    end
    local last = whole_number(found[4] or '')
    if last and step.seq > last and not saga.has(step, 'l') then
        return { 'refused', 'an older step was undone before "' .. name .. '"; undos run newest first' }
    end
    step.undo, step.undo_attempt = 'r', math.min((step.undo_attempt or 0) + 1, COUNT_MAX)
    saga.write_step(context.keys, context.job.id, name, step, 'undoing', name, 'undo_at', int(step.seq),
        'undo_ms', int(context.now))
    return { 'go', int(step.undo_attempt) }
end

local UNDO_ENDS = { done = 'd', skipped = 's', retry = 'a', stuck = 'x' }
local UNDO_EVENTS = { done = 'undone', skipped = 'undo_skipped', retry = 'undo_retried', stuck = 'undo_failed' }

local function undone(context, name, how, text)
    local found = hget_step(context, name)
    local step = saga.read_step(found[3])
    if not step or not UNDO_ENDS[how] then return { 'refused', 'step "' .. name .. '" has no such undo' } end
    if step.undo == UNDO_ENDS[how] and how ~= 'retry' then return { 'moved' } end
    if step.undo ~= 'a' and step.undo ~= 'r' then return { 'refused', 'the undo of "' .. name .. '" has ended already' } end
    step.undo = UNDO_ENDS[how]
    if text ~= '' then step.error = clipped(text, LAST_ERROR_BYTES_MAX) end
    saga.write_step(context.keys, context.job.id, name, step)
    local began = nil
    if redis.call('HGET', context.key, 'undoing') == name then
        began = whole_number(found[5] or '')
        redis.call('HDEL', context.key, 'undoing', 'undo_ms')
    end
    note_step(context.events, UNDO_EVENTS[how], context.job.id, '', name, text, found[4], step.undo_attempt,
        began and math.max(0, context.now - began))
    return { 'moved' }
end

local FROM = { done = 'running', failed = 'running', compensated = 'undoing', cancelled = 'undoing', stuck = 'undoing' }

local function end_all(context, state, reason)
    local now_in = saga.state(context.keys, context.job.id)
    if now_in == 'waiting' then now_in = 'running' end   -- its job runs, whatever a move that failed has left
    if now_in == state then return { 'moved' } end
    if not FROM[state] then return { 'refused', 'no saga ends as ' .. state } end
    if now_in ~= FROM[state] then return { 'refused', 'the saga is ' .. (now_in or 'none') .. ', not ' .. FROM[state] } end
    if state == 'compensated' or state == 'cancelled' then
        local _, steps = saga.read(context.keys, context.job.id)
        local name = saga.still_armed(steps)
        if name then return { 'refused', 'step "' .. name .. '" is not undone' } end
    end
    saga.finish(context.keys, context.job.id, state, reason, context.now, context.events)
    return { 'moved' }
end

local RECORDS = { begin = begin, commit = commit, undo = undo, undone = undone, ['end'] = end_all }

local function records_of(args)
    local records, at = {}, 5
    while at <= #args do
        local length = LENGTHS[args[at]]
        if not length or at + length - 1 > #args then return nil end
        records[#records + 1] = at
        at = at + length
    end
    return records
end

local function step(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local records = records_of(args)
    if not records then return redis.error_reply('INVALID step: expected a delivery and whole records') end
    local replies = {}
    if not saga.is_own(keys, args[1], args[2], args[3], args[4]) then
        for i = 1, #records do replies[i] = { 'lost' } end
        return replies
    end
    local context = {
        keys = keys, key = keys.saga .. args[4], now = now_ms(), events = {}, fence = args[2] .. args[3],
        job = { code = args[2], entry = args[3], id = args[4] },
    }
    for i = 1, #records do
        local word = args[records[i]]
        replies[i] = RECORDS[word](context, unpack(args, records[i] + 1, records[i] + LENGTHS[word] - 1))
    end
    write_journal(keys, args[1], context.events)
    return replies
end

redis.register_function{ function_name = 'pond_step', callback = step, flags = { 'allow-oom' } }
