-- What is remembered of a saga, all at once or a page a call.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  'brief' to leave the results out, '' or nothing
--          and for a page:  3  the cursor, 0 for the first one   4  about how many steps, 1 to 1000; fewer when they are large
-- returns  {} for a job that is no saga, else {HEADER, STEP, STEP, …} in the order in which the steps began; pages have
--          that order each for itself, and with one that changes meanwhile a step may come twice
--          HEADER  {'state', …, 'since_ms', …, 'reason', …, 'kind', …, …} as far as it is known; of a page also 'cursor', of
--                  the page behind it, 0 when there is none
--          STEP    {name, kind, state, number, attempts, effect, undo, tries of the undo, pivot 0|1, late 0|1, fingerprint,
--                   result, last error, began_ms, ended_ms or '', due_ms or '', extra: the name of the signal that it
--                   waits for, or the SHA-256 of its token, the id that its key begins with when that is another saga's}

local SAID = {
    'state', 'since_ms', 'reason', 'kind', 'turn', 'parks', 'depth', 'forked_from', 'fork_step', 'forked_to', 'keys',
    'undoing', 'undo_ms', 'before', 'undo_reserve', 'turn_reason', 'forward',
}

local function read_page(keys, id, cursor, limit)
    local header, values = {}, redis.call('HMGET', keys.saga .. id, unpack(SAID))
    for i = 1, #SAID do header[SAID[i]] = values[i] or nil end
    if not header.state then return header, {} end
    return header, saga.page(keys, id, cursor, limit)
end

local function is_cursor(text) return string.find(text, '^%d+$') and #text <= 20 end

local function read(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local id, limit, header, steps, cursor = args[1] or '', whole_number(args[4]), nil, nil, nil
    if args[3] then
        if not is_cursor(args[3]) or not limit or limit < 1 or limit > saga.PAGE_MAX then
            return redis.error_reply('INVALID page: expected a cursor and a limit of 1 to ' .. saga.PAGE_MAX)
        end
        header, steps, cursor = read_page(keys, id, args[3], limit)
    else
        header, steps = saga.read(keys, id)
    end
    if not header.state then return {} end
    -- The one that it is in counts, too.
    if header.state == 'waiting' then header.parks = int((whole_number(header.parks or '') or 0) + 1) end
    local told = {}
    for i = 1, #SAID do
        if header[SAID[i]] then told[#told + 1], told[#told + 2] = SAID[i], header[SAID[i]] end
    end
    if cursor then told[#told + 1], told[#told + 2] = 'cursor', cursor end
    local reply = { told }
    for i = 1, #steps do
        if args[2] == 'brief' then steps[i][2].result = nil end
        reply[i + 1] = saga.told(steps[i][1], steps[i][2])
    end
    return reply
end

redis.register_function{ function_name = 'pond_saga', callback = read, flags = { 'no-writes' } }
