-- Names and bounds that every function of the library shares. The bounds repeat `Limits.swift`; a test compares them.

local FORMAT = 1      -- the wire format; a client refuses a library of a newer one
local REVISION = 26    -- raised with every change of the library's text; an older revision is replaced

local GROUP = 'mp'
local PARKER = '~limited'   -- the consumer that has what a limit holds; it never beats, and nobody takes over from it
local PAYLOAD_BYTES_MAX = 1048576
local KIND_BYTES_MAX = 128
local FIELDS_MAX = 32
local WORDS_MAX = 4 * FIELDS_MAX   -- names and values of an entry that can still be moved, the library's own included
local HEADER_VALUE_BYTES_MAX = 4096
local ENTRY_BYTES_MAX = 2097152   -- names and values together; what has more is no job, and is never moved whole
local SETTLE_BATCH_MAX = 512
local CLAIM_BATCH_MAX = 512
local PROMOTE_BATCH_MAX = 256
local RECLAIM_BATCH_MAX = 128
local ERROR_TEXT_BYTES_MAX = 8192
local LAST_ERROR_BYTES_MAX = 1024
local JOURNAL_ENTRIES_MAX = 1000000
local JOURNAL_EVENTS_MAX = 1000000   -- an entry tells of a batch of jobs
local JOURNAL_BYTES_MAX = 67108864
local JOURNAL_BYTES_MIN = 1048576    -- when the server runs out of memory, more than that is given back
local FACTS_BYTES_MAX = 262144        -- what a worker knows of the jobs of one call
local DEAD_MAX = 100000
local TIME_MS_MIN = 978307200000    -- 2001; what is before was given in another unit
local RECOVERY_WINDOW_MS = 86400000
local AUDIT_ENTRIES_MAX = 10000
local DELAY_MS_MAX = 315360000000   -- ten years
local MONEY_MICROS_MAX = 999999999999999   -- of spent time too, in ms
local COUNT_MAX = 1000000000   -- what a producer may not write, it may still append by hand: nothing counts past this

-- A stream whose last id lies further ahead than this was given an id by hand; it is renewed once it is empty.
local FUTURE_ID_MS = 86400000
-- A due time nearer than this is announced at once, because the next beat of an idle worker may come too late for it.
local BELL_MS = 1500

-- Ready streams in the order in which they are fetched. `front` holds what was handed back or taken over.
local CODES = { 'f', 'h', 'n', 'l' }
local SUFFIX = { f = ':ready:front', h = ':ready:high', n = ':ready', l = ':ready:low' }

-- Fields that only the library writes.
local OWNED = {
    id = true, enqueued_ms = true, attempt = true, recoveries = true, unstarted = true, fence = true, spent_wall_ms = true, spent_cpu_ms = true,
    spent_usd_micros = true, last_error = true, unhandled_ms = true, waited_ms = true, phase = true, interrupted = true,
    recovered_ms = true, saga_run = true, saga_parent = true, saga_step = true, saga_index = true,
    budget_wait = true,
}

-- A queue's keys are the same at each call, and to join their names costs as much as a short call does otherwise. They are
-- never changed. The bound is for servers with more queues than that: then all are made anew now and then.
local KEYS_KEPT_MAX = 256
local kept_keys, kept_count = {}, 0

local function keys_of(base)
    base = base or ''
    local kept = kept_keys[base]
    if kept then return kept end
    local queue = string.match(base, '^[^{}]*{([a-z0-9][a-z0-9._-]*)}$')
    if not queue or #queue > 63 then
        return nil, redis.error_reply('INVALID queue key: got "' .. string.sub(base, 1, 100)
            .. '", expected PREFIX:{QUEUE} with a queue name of [a-z0-9][a-z0-9._-]{0,62}, as in mp:{emails}')
    end
    local keys = {
        base = base,
        f = base .. SUFFIX.f, h = base .. SUFFIX.h, n = base .. SUFFIX.n, l = base .. SUFFIX.l,
        held = base .. ':held', due = base .. ':due',
        dead = base .. ':dead', dead_at = base .. ':dead:at', causes = base .. ':causes',
        groups = base .. ':groups', groups_empty = base .. ':groups:empty', group = base .. ':group:',
        audit = base .. ':audit',
        beats = base .. ':beats', workers = base .. ':workers', load = base .. ':load',
        meta = base .. ':meta', journal = base .. ':journal', slo = base .. ':slo:',
        moved = base .. ':moved', started = base .. ':started',
        spent = base .. ':spent', cancel = base .. ':cancel', bell = base .. ':bell',
        live = base .. ':keys:live', epochs = base .. ':keys', epoch = base .. ':keys:',
        results = base .. ':results:', result_epochs = base .. ':results',
        waiting = base .. ':waiting', waits = base .. ':waits', saga = base .. ':saga:', sagas = base .. ':sagas',
        limited = base .. ':limited', lane = base .. ':lane:', blocked = base .. ':blocked', blocked_by = base .. ':blocked:',
        granted = base .. ':granted', needs = base .. ':needs',
        token = base .. ':token:', join = base .. ':join:', signals = base .. ':signals:',
        -- No name, but what `forget_batch` remembers of the queue's streams.
        trim = { rests = {}, misses = {}, refused_until = 0 },
    }
    if kept_count >= KEYS_KEPT_MAX then kept_keys, kept_count = {}, 0 end
    kept_keys[base], kept_count = keys, kept_count + 1
    return keys
end

local function now_ms()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local WHOLE_MAX = 9007199254740992   -- 2^53: beyond it the shorter way of writing a number is not defined

local function int(number)
    return string.format(number < WHOLE_MAX and number > -WHOLE_MAX and '%d' or '%.0f', number)
end

local function is_error(reply)
    return type(reply) == 'table' and reply.err ~= nil
end

-- Whether a command failed because this user may not run it.
local function is_forbidden(failure)
    local text = type(failure) == 'table' and failure.err or tostring(failure)
    return string.find(text, 'The user executing the script', 1, true) ~= nil
end

-- The first bytes of a text, never half a character, because clients read what is kept as UTF-8.
local function clipped(text, most)
    if #text <= most then return text end
    for last = most, most - 3, -1 do
        local following = string.byte(text, last + 1)
        if following < 0x80 or following > 0xBF then return string.sub(text, 1, last) end
    end
    return string.sub(text, 1, most)
end
