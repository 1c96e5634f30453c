-- Gives a saga what it waits for: the answer to a token, or a signal. It may come before the saga waits; then it is kept.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  'token'    2  SHA-256 of the token in hex   3  done or failed   4  the answer's bytes, or the error
--          1  'signal'   2  the job's id                  3  the signal's name  4  its bytes
--          5  who it is from, for the journal, or ''
-- returns  of a token   resolved · same (once more, the same bytes) · conflict (it has another answer) · expired · void (the
--          saga has turned round or ended, or somebody has decided) · unknown
--          of a signal  resolved (a saga had waited for it) · stored · void · unknown
-- errors   INVALID …, SIGNALSFULL …; nothing was written

local function check_bytes(what, bytes)
    if #bytes <= RESULT_BYTES_MAX then return nil end
    return redis.error_reply('INVALID ' .. what .. ': got ' .. #bytes .. ' bytes, allowed are ' .. RESULT_BYTES_MAX
        .. ' (step_result_bytes_max); store it elsewhere and give a reference to it')
end

local function answer_token(keys, hash, how, bytes, now, events)
    local key = keys.token .. hash
    local token = redis.call('HMGET', key, 'id', 'step', 'expires_ms', 'how', 'answer')
    if not token[1] then return 'unknown' end
    local id, name = token[1], token[2]
    if token[4] then return token[4] == how and token[5] == bytes and 'same' or 'conflict' end
    local state = saga.state(keys, id)
    local step = saga.read_step(redis.call('HGET', keys.saga .. id, 'step:' .. name))
    local expires = whole_number(token[3])
    if (expires and expires <= now) or (step and step.state == 'f' and step.error == 'timed out') then return 'expired' end
    if not state or saga.FINAL[state] or state == 'undoing' or state == 'stuck' then return 'void' end
    if not step or (step.state ~= 'r' and step.state ~= 'w' and step.state ~= 't') then return 'void' end
    redis.call('HSET', key, 'how', how, 'answer', bytes)
    saga.deliver(keys, id, name, step, how == 'done' and bytes or '', how == 'failed' and bytes or nil, now, events)
    return 'resolved'
end

local function resolve_token(keys, args, now, events)
    local hash, how, bytes = args[2] or '', args[3] or '', args[4] or ''
    if how ~= 'done' and how ~= 'failed' then
        return redis.error_reply('INVALID answer: got "' .. string.sub(how, 1, 100) .. '", allowed is done or failed')
    end
    local too_large = check_bytes('answer', bytes)
    if too_large then return too_large end
    local answer = answer_token(keys, hash, how, bytes, now, events)
    local id = redis.call('HGET', keys.token .. hash, 'id')
    if id then
        note(events, 'token_' .. answer, with_text(id .. ' ' .. redis.call('HGET', keys.token .. hash, 'step'), args[5]))
    end
    return answer
end

-- How many bytes wait; only asked where they may be too many.
local function bytes_waiting(key)
    local bytes, from = 0, '-'
    repeat
        local some = redis.call('XRANGE', key, from, '+', 'COUNT', saga.SIGNALS_AT_ONCE)
        for i = 1, #some do
            bytes = bytes + #(field(some[i][2], 'data') or '')
            from = '(' .. some[i][1]
        end
    until #some < saga.SIGNALS_AT_ONCE
    return bytes
end

local function keep_signal(keys, id, name, bytes, state)
    local key = keys.signals .. id
    local length = redis.call('XLEN', key)
    if length * RESULT_BYTES_MAX >= saga.SIGNALS_BYTES_MAX and bytes_waiting(key) + #bytes > saga.SIGNALS_BYTES_MAX then
        return redis.error_reply('SIGNALSFULL the signals of job ' .. id .. ' that nobody has waited for have more than '
            .. saga.SIGNALS_BYTES_MAX .. ' bytes (saga_signals_bytes_max); nothing was written')
    end
    if length >= saga.SIGNALS_MAX then
        return redis.error_reply('SIGNALSFULL job ' .. id .. ' has ' .. saga.SIGNALS_MAX
            .. ' signals that nobody has waited for (saga_signals_max); nothing was written')
    end
    redis.call('XADD', key, '*', 'name', name, 'data', bytes)
    if not state then redis.call('PEXPIREAT', key, int(now_ms() + saga.SIGNALS_EARLY_MS)) end
    return 'stored'
end

-- The open wait for a signal of this name, among those that the saga is parked for.
local function parked_for_signal(keys, id, name)
    local names = saga.waited_for(redis.call('HGET', keys.saga .. id, 'waits'))
    for i = 1, #names do
        local step = saga.read_step(redis.call('HGET', keys.saga .. id, 'step:' .. names[i]))
        if step and step.kind == 'g' and step.state == 'w' and step.extra == name then return names[i], step end
    end
    return nil
end

local function resolve_signal(keys, args, now, events)
    local id, name, bytes = args[2] or '', args[3] or '', args[4] or ''
    local wrong = saga.wrong_name(name)
    if wrong then return redis.error_reply('INVALID signal: ' .. wrong) end
    local too_large = check_bytes('signal', bytes)
    if too_large then return too_large end
    local state = saga.state(keys, id)
    if state and (saga.FINAL[state] or state == 'undoing' or state == 'stuck') then return 'void' end
    if not state and not places.find(keys, id) then return 'unknown' end
    local step_name, step = nil, nil
    if state == 'waiting' then step_name, step = parked_for_signal(keys, id, name) end
    note(events, 'signal', with_text(id .. ' ' .. name, args[5]))
    if not step or (step.due and step.due <= now) then return keep_signal(keys, id, name, bytes, state) end
    step.extra = nil
    saga.deliver(keys, id, step_name, step, bytes, nil, now, events)
    return 'resolved'
end

local RESOLVE = { token = resolve_token, signal = resolve_signal }

local function resolve(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local one = RESOLVE[args[1] or '']
    if not one then return redis.error_reply('INVALID resolve: expected token or signal') end
    local events = {}
    local answer = one(keys, args, now_ms(), events)
    if not is_error(answer) then write_journal(keys, '', events) end
    return answer
end

redis.register_function{ function_name = 'pond_resolve', callback = resolve }
