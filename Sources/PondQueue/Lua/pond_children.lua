-- Starts child jobs of a saga and counts their ends, so that it can wait for them. A page of payloads a call; all of them are
-- in the join from the beginning, and as many as the limit says are queued or run at a time. Also reads how they ended.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  code   3  entry   4  the job's id   5  the step's name, then
--            6  the children's kind   7  how many there are on all pages   8  how many at a time   9  when the join is over:
--            all, first, best_effort, or how many must be done; behind it, each after a space, `undo` when the saga undoes
--            the fan-out, max_attempts=N and timeout_ms=N of each child
--            10  fingerprint, or ''
--            11  the place of the page's first, from 0   12 …  payloads
--          or: 6  'ends'   7  place of the first   8  how many
-- returns  go attempt '' · known STEP · mismatch STEP · undoing · paused · lost · refused TEXT, as a list like pond_step's;
--          of `ends` two words a child: open '' · done RESULT · failed ERROR

local FIRST_PAYLOAD = 12

-- How many must be done; nil when the policy is none.
local function need_of(policy, total)
    if policy == 'all' then return total end
    if policy == 'first' then return 1 end
    if policy == 'best_effort' then return 0 end
    local number = whole_number(policy)
    return number and number >= 1 and number <= total and number or nil
end

-- A policy, and by name what stands behind it; or the policy, nil and what is wrong there.
local function extras_of(text)
    local policy, rest = string.match(text, '^(%S*)(.*)$')
    local extras = {}
    for word in string.gmatch(rest, '%S+') do
        local name, value = string.match(word, '^([a-z_]+)=(%d+)$')
        local number = whole_number(value or '')
        if word == 'undo' then
            extras.undo = true
        elseif name == 'max_attempts' and number and number >= 1 and number <= 1000000
            or name == 'timeout_ms' and number and number >= 1 and number <= DELAY_MS_MAX then
            extras[name] = value
        else
            return policy, nil, 'expected undo, max_attempts=N or timeout_ms=N behind the policy, got "'
                .. string.sub(word, 1, 50) .. '"'
        end
    end
    return policy, extras
end

local function check(args)
    local total, limit, offset = whole_number(args[7]), whole_number(args[8]), whole_number(args[11])
    local wrong = saga.wrong_name(args[5])
    if wrong then return wrong end
    if not total or not limit or limit < 1 or not offset then return 'expected a total, a limit and a place' end
    if total > joins.CHILDREN_MAX then
        return 'a fan-out has at most ' .. joins.CHILDREN_MAX .. ' children (saga_children_max), got ' .. int(total)
    end
    if limit > joins.AT_ONCE_MAX then
        return 'of a fan-out at most ' .. joins.AT_ONCE_MAX .. ' children run at a time (saga_children_at_once_max)'
    end
    if total > 0 and not need_of(args[9], total) then return 'expected all, first, best_effort or a number of children' end
    if offset + #args - FIRST_PAYLOAD + 1 > total then return 'the page reaches behind the last child' end
    if not string.find(args[6], '^[A-Za-z0-9][A-Za-z0-9._:-]*$') or #args[6] > KIND_BYTES_MAX then return 'that is no kind' end
    for i = FIRST_PAYLOAD, #args do
        if #args[i] > PAYLOAD_BYTES_MAX then return 'a payload has at most ' .. PAYLOAD_BYTES_MAX .. ' bytes' end
    end
    return nil
end

local function new_join(context, args)
    local keys, id, name = context.keys, context.job.id, args[5]
    local number, full = saga.number(unpack(redis.call('HMGET', context.key, 'next', 'bytes')))
    if not number then return full end
    local total, fields = whole_number(args[7]), entry_fields(keys[context.job.code], context.job.entry)
    redis.call('HSET', joins.key(keys, id, name), 'total', int(total), 'limit', args[8],
        'need', int(total > 0 and need_of(args[9], total) or 0), 'policy', args[9], 'kind', args[6], 'given', '0', 'next', '0',
        'ok', '0', 'bad', '0', 'correlation_id', field(fields, 'correlation_id') or id, 'class', field(fields, 'class') or '')
    if field(fields, 'intent_budget') then redis.call('HSET', joins.key(keys, id, name), 'intent_budget', 'inherit') end
    for _, word in ipairs({ 'max_attempts', 'timeout_ms' }) do
        if context.extras[word] then redis.call('HSET', joins.key(keys, id, name), word, context.extras[word]) end
    end
    saga.write_step(keys, id, name, {
        state = 'r', kind = 'j', seq = number, attempt = 1, effect = 'k', undo = context.extras.undo and 'a' or 'n', began = context.now,
        fingerprint = args[10] ~= '' and args[10] or nil,
    }, 'next', int(number + 1))
    local names = saga.waited_for(redis.call('HGET', context.key, 'joins'))
    names[#names + 1] = name
    redis.call('HSET', context.key, 'joins', cmsgpack.pack(names))
    note(context.events, 'children', id .. ' ' .. int(total) .. ' ' .. name)
    return nil
end

local function start(context, args)
    local policy, extras, wrong = extras_of(args[9] or '')
    args[9], context.extras = policy, extras
    wrong = wrong or check(args)
    if wrong then return { 'refused', wrong } end
    local keys, id, name = context.keys, context.job.id, args[5]
    local state = saga.state(keys, id)
    if state == 'undoing' or state == 'paused' then return { state } end
    if not state then
        wrong = saga.make(keys, context.job, context.now, context.events)
        if wrong then return { 'refused', wrong } end
    elseif saga.FINAL[state] then
        return { 'refused', 'the saga is ' .. state }
    end
    local step = saga.read_step(redis.call('HGET', context.key, 'step:' .. name))
    if step and (step.kind ~= 'j' or (args[10] ~= '' and step.fingerprint and step.fingerprint ~= args[10])) then
        return { 'mismatch', saga.told(name, step) }
    end
    if step and step.state ~= 'w' and step.state ~= 'r' then return { 'known', saga.told(name, step) } end
    if not step then
        wrong = new_join(context, args)
        if wrong then return { 'refused', wrong } end
    end
    return joins.add(context, name, whole_number(args[11]), args, FIRST_PAYLOAD)
end

local function ends(keys, id, name, first, count)
    local join, reply = joins.key(keys, id, name), {}
    for i = first, first + count - 1 do
        local ended = redis.call('HGET', join, 'r:' .. int(i))
        local word = ended and (string.sub(ended, 1, 1) == '1' and 'done' or 'failed') or 'open'
        reply[#reply + 1], reply[#reply + 2] = word, ended and string.sub(ended, 2) or ''
    end
    return reply
end

local function children(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if #args < 8 then return redis.error_reply('INVALID children: expected a delivery, a step and children') end
    if args[6] == 'ends' and #args == 8 then
        local first, count = whole_number(args[7]), whole_number(args[8])
        if not first or not count or count > joins.PAGE_MAX then
            return redis.error_reply('INVALID children: expected a place and a count of at most ' .. joins.PAGE_MAX)
        end
        return ends(keys, args[4], args[5], first, count)
    end
    if not saga.is_own(keys, args[1], args[2], args[3], args[4]) then return { 'lost' } end
    local context = {
        keys = keys, key = keys.saga .. args[4], now = now_ms(), events = {},
        job = { code = args[2], entry = args[3], id = args[4] },
    }
    local reply = start(context, args)
    write_journal(keys, args[1], context.events)
    return reply
end

redis.register_function{ function_name = 'pond_children', callback = children, flags = { 'allow-oom' } }
