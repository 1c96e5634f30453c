-- Exports: saga
-- Sagas: jobs that remember. `saga:ID` is a hash with a header (state, since_ms, next, kind, …) and, in a field `step:NAME`
-- each, what is known of its steps. A job is a saga once that hash exists. `sagas` has the id of every saga, with a number
-- that is its state and since when it is in it, so that one command lists a state, newest first.

saga = {}

saga.STEPS_MAX = 10000
saga.PARKS_MAX = 100000
saga.SIGNALS_MAX = 1000
saga.SIGNALS_BYTES_MAX = 4194304     -- of all that wait together: whoever waits for another name reads past them
saga.SIGNALS_AT_ONCE = 16           -- so many are read at a time
saga.SIGNALS_EARLY_MS = 86400000   -- how long signals are kept for a job that is no saga yet
saga.DEPTH_MAX = 8
saga.PAGE_MAX = 1000
saga.PAGE_BYTES_MAX = 1048576
saga.NAME_BYTES_MAX = 128
saga.REASON_BYTES_MAX = 1024
saga.RESULTS_BYTES_MAX = 16777216   -- of all results together; whoever turns a saga round reads them in one go
local SMALL_RESULT_BYTES = 1024        -- so small ones are not counted: a saga has too few steps for them to matter
saga.KEPT_MS = 3600000             -- how long a saga that has ended can still be read in Redis
local RANK_SPAN = 10000000000000

saga.RANK = {
    running = 1, waiting = 2, undoing = 3, paused = 4, stuck = 5, done = 6, compensated = 7, cancelled = 8, failed = 9,
    abandoned = 10,
}
saga.FINAL = { done = true, compensated = true, cancelled = true, failed = true, abandoned = true }

-- A step is packed as a list, the usual first and what is missing at the end left out, because a saga that waits costs what
-- its steps cost. Before these parts stand one text with the first codes of four words, and when it began in six bytes.
local PARTS = {
    'seq', 'attempt', 'ended', 'result', 'flags', 'fingerprint', 'error', 'due', 'undo_attempt', 'fence', 'token', 'extra',
    'keys',
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

local LETTERS = '^([rwdfust])([szgcj])([pkqo])([narsdxb])$'

local function unpack_step(packed)
    local list = cmsgpack.unpack(packed)
    local step = { began = struct.unpack(BEGAN, list[2]) }
    step.state, step.kind, step.effect, step.undo = string.match(list[1], LETTERS)
    for i = 1, #PARTS do step[PARTS[i]] = list[i + 2] or nil end
    return step.undo and type(step.seq) == 'number' and step or nil
end

-- A step that was not written by this library is one that nobody knows of: a person has to say, and nothing else fails of it.
local function read_step(packed)
    if not packed then return nil end
    local ok, step = pcall(unpack_step, packed)
    if ok and step then return step end
    return {
        began = 0, state = 'u', kind = 's', effect = 'o', undo = 'n', seq = 0,
        error = 'its record cannot be read (' .. #packed .. ' bytes); whether it had an undo is not known either',
    }
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

-- Flags of a step: p it is the pivot, l it ended late, d an attempt of it may have happened that did not say so.
function saga.flag(step, flag)
    if not has(step, flag) then step.flags = (step.flags or '') .. flag end
end

-- A step as a client is told of it.
function saga.told(name, step)
    return {
        name, WORDS.kind[step.kind], WORDS.state[step.state], int(step.seq), int(step.attempt or 0), WORDS.effect[step.effect],
        WORDS.undo[step.undo], int(step.undo_attempt or 0), has(step, 'p') and '1' or '0', has(step, 'l') and '1' or '0',
        step.fingerprint or '', step.result or '', step.error or '', int(step.began),
        step.ended and int(step.began + step.ended) or '', step.due and int(step.due) or '', step.extra or '', step.keys or '',
    }
end

function saga.key(keys, id) return keys.saga .. id end

-- Whether the queue has any saga, so that nobody else pays for them.
function saga.any(keys)
    return redis.call('ZCARD', keys.sagas) > 0
end

-- What a move of a saga writes last, looked at first: a key of another type must stop it before its first write.
local function check(keys)
    redis.call('ZCARD', keys.sagas)
    redis.call('ZCARD', keys.waits)
    redis.call('HLEN', keys.cancel)
end

saga.check = check

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
function saga.is_own(keys, consumer, code, entry, id)
    if not consumer or not id or not SUFFIX[code or ''] then return false end
    local pending = redis.pcall('XPENDING', keys[code], GROUP, entry, entry, 1, consumer)
    if is_error(pending) or not pending[1] then return false end
    return id == own_id(code, entry) or redis.call('HGET', keys.moved, id) == code .. entry
end

-- How deep a saga is nested: a child of none is 0.
local function depth_of(keys, fields)
    local parent = field(fields, 'saga_parent')
    if not parent then return 0 end
    return (whole_number(redis.call('HGET', keys.saga .. parent, 'depth') or '') or 0) + 1
end

-- Makes a job a saga. Returns nil, or why it cannot be one.
function saga.make(keys, job, now, events)
    local fields = entry_fields(keys[job.code], job.entry)
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
    note_facts(events, job.id, fields)
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
function saga.number(given, bytes)
    local number = whole_number(given) or 1
    if (whole_number(bytes or '') or 0) > saga.RESULTS_BYTES_MAX then
        return nil, 'the results of a saga have at most ' .. saga.RESULTS_BYTES_MAX .. ' bytes together (saga_results_bytes_max); '
            .. 'store them elsewhere and return references'
    end
    if number > saga.STEPS_MAX then
        return nil, 'a saga has at most ' .. saga.STEPS_MAX .. ' steps (saga_steps_max); end it, or start another for the rest'
    end
    return number
end

-- Counts a result that is stored.
function saga.count_result(keys, id, result)
    if result and #result > SMALL_RESULT_BYTES then redis.call('HINCRBY', keys.saga .. id, 'bytes', #result) end
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

local SCANNED_AT_ONCE = 64   -- a result may have 64 KiB

-- Some steps of a saga, and where the others begin: a cursor of HSCAN, '0' when there are no more. A step that is there all
-- the time comes at least once.
function saga.page(keys, id, cursor, limit)
    local steps, bytes = {}, 0
    repeat
        local reply = redis.call('HSCAN', keys.saga .. id, cursor, 'MATCH', 'step:*', 'COUNT', SCANNED_AT_ONCE)
        cursor = reply[1]
        for i = 1, #reply[2], 2 do
            steps[#steps + 1] = { string.sub(reply[2][i], 6), read_step(reply[2][i + 1]) }
            bytes = bytes + #reply[2][i + 1]
        end
    until cursor == '0' or #steps >= limit or bytes >= saga.PAGE_BYTES_MAX
    table.sort(steps, function(a, b) return a[2].seq < b[2].seq end)
    return steps, cursor
end
