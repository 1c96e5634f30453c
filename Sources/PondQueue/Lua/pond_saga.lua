-- What is remembered of a saga.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the job's id   2  'brief' to leave the results out, or nothing
-- returns  {} for a job that is no saga, else {HEADER, STEP, STEP, …} in the order in which the steps began
--          HEADER  {'state', …, 'since_ms', …, 'reason', …, 'kind', …, …} as far as it is known
--          STEP    {name, kind, state, number, attempts, effect, undo, tries of the undo, pivot 0|1, late 0|1, fingerprint,
--                   result, last error, began_ms, ended_ms or '', due_ms or '', extra: the name of the signal that it
--                   waits for, or the SHA-256 of its token}

local SAID = {
    'state', 'since_ms', 'reason', 'kind', 'turn', 'parks', 'depth', 'forked_from', 'fork_step', 'forked_to', 'keys',
    'undoing', 'before',
}

local function read(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local header, steps = saga.read(keys, args[1] or '')
    if not header.state then return {} end
    local told = {}
    for i = 1, #SAID do
        if header[SAID[i]] then told[#told + 1], told[#told + 2] = SAID[i], header[SAID[i]] end
    end
    local reply = { told }
    for i = 1, #steps do
        if args[2] == 'brief' then steps[i][2].result = nil end
        reply[i + 1] = saga.told(steps[i][1], steps[i][2])
    end
    return reply
end

redis.register_function{ function_name = 'pond_saga', callback = read, flags = { 'no-writes' } }
