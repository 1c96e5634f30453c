-- Settles what became of fetched entries, a batch a call. Only the owner may: an entry that this consumer no longer
-- owns answers `lost` and is left alone.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer, then six a job:  outcome  letter  entry  a  b  c
--            done       a = the job's id when it was moved, or ''      b = the result's bytes, or ''
--                       c = '' for a job without a key; '-' for one with a key and no result; else how long the result
--                       itself is kept in ms, 0 for its checksum alone
--            retry      a = delay in ms                                b = error text   c = spent
--            dead       a = cause                                      b = error text   c = spent
--            defer      a = delay in ms   b = grace in ms   c = ''
--                       (nobody here knows the kind; no attempt is counted)
--            release    a, b = ''   c = spent, or ''
--                       (not run to its end; ready again at the front, nothing is counted; an entry with more fields
--                       than a job has cannot be moved and is dead as malformed)
--            postpone   a = delay in ms   b = ''   c = spent, or ''      (as release, but no sooner than that)
--            duplicate  a = the id of the job that has the key, b, c = ''
--            cancelled  a, b, c = ''
--            expired    a, b, c = ''
--          where spent is what all tries together took: wall ms, CPU ms and micro-dollars, a space between
-- returns  one text a job, in order: done · held DUE_MS · dead CAUSE · released · duplicate · cancelled · expired · lost · failed TEXT

local ARGUMENTS_A_JOB = 6

-- Without a key, neither a job's fields nor its result matter. Who did not claim its key must not end another's.
local function end_key_of_done(context, job)
    local keys = context.keys
    job.fields = entry_fields(keys[job.letter], job.entry)
    local key = job.fields and field(job.fields, 'key')
    if not key then return end
    local fingerprint = own_fingerprint(keys, key, job.id)
    local holder = not fingerprint and key_holder(keys, key, context.now)
    if holder and holder.id ~= job.id then return end
    local result = job.c ~= '-' and string.sub(job.b, 1, RESULT_BYTES_MAX)
    local keep = whole_number(job.c) or 0
    if keep > 0 then keep_result(keys, job.id, result, context.now, keep) end
    fingerprint = fingerprint or holder and holder.fingerprint or fingerprint_of(job.fields)
    bury_key(keys, key, job.id, job.fields, fingerprint, result and checksum_of(result) or '', context.now)
end

local function settle_done(context, job)
    if job.c ~= '' then end_key_of_done(context, job) end
    context.done[#context.done + 1] = job.id
    return 'done'
end

-- What all tries together took, as the worker counted it; what it does not say stays as it was.
local function spent_fields(job, changes)
    local wall, cpu, usd = string.match(job.c, '^(%d+) (%d+) (%d+)$')
    if not whole_number(wall) or not whole_number(cpu) or not whole_number(usd) then return changes end
    changes.spent_wall_ms, changes.spent_cpu_ms = wall, cpu
    -- A field that says nothing is not worth its memory.
    changes.spent_usd_micros = usd ~= '0' and usd or nil
    return changes
end

local function end_as(event)
    return function(context, job)
        free_key(context.keys, job.fields, job.id)
        note(context.events, event, job.id)
        return event
    end
end

local function is_cancelled(context, job)
    return context.any_cancel and redis.call('HEXISTS', context.keys.cancel, job.id) == 1
end

local function settle_retry(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local due = context.now + (whole_number(job.a) or 0)
    local fields = with_fields(job.fields, spent_fields(job, {
        id = false,
        enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
        attempt = int(math.min(number_field(job.fields, 'attempt') + 1, COUNT_MAX)),
        last_error = clipped(job.b, LAST_ERROR_BYTES_MAX),
        unhandled_ms = false,
    }))
    hold(context.keys, job.id, fields, due, context.now)
    note(context.events, 'retried', job.id)
    return 'held ' .. int(due)
end

local function settle_dead(context, job)
    local fields = with_fields(job.fields, spent_fields(job, {
        id = false,
        enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
        attempt = int(math.min(number_field(job.fields, 'attempt') + 1, COUNT_MAX)),
    }))
    if job.a == 'malformed' then fields = job.fields end   -- raw, exactly as it came
    bury(context.keys, job.id, fields, job.a, job.b, context.now, context.events)
    return 'dead ' .. job.a
end

local function settle_defer(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local first = whole_number(field(job.fields, 'unhandled_ms')) or context.now
    if context.now - first >= (whole_number(job.b) or 0) then
        bury(context.keys, job.id, with_fields(job.fields, { id = false, unhandled_ms = false }), 'unknown_kind',
            'no worker of this queue handles the kind', context.now, context.events)
        return 'dead unknown_kind'
    end
    local due = context.now + (whole_number(job.a) or 0)
    local fields = with_fields(job.fields, {
        id = false, enqueued_ms = enqueued_ms(job.fields, job.entry, context.now), unhandled_ms = int(first),
    })
    hold(context.keys, job.id, fields, due, context.now)
    return 'held ' .. int(due)
end

local function settle_postpone(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local due = context.now + (whole_number(job.a) or 0)
    local fields = with_fields(job.fields, spent_fields(job, {
        id = false, enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
    }))
    hold(context.keys, job.id, fields, due, context.now)
    note(context.events, 'released', job.id)
    return 'held ' .. int(due)
end

local function settle_release(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    if #job.fields > WORDS_MAX then
        bury_overfull(context.keys, job.id, job.fields, context.now, context.events)
        return 'dead malformed'
    end
    local fields = with_fields(job.fields, spent_fields(job, {
        enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
    }))
    local landed, failure = readd(context.keys, 'f', job.id, fields)
    if not landed then return 'failed ' .. failure end
    note(context.events, 'released', job.id)
    return 'released'
end

local SETTLE = {
    done = settle_done, duplicate = end_as('duplicate'), cancelled = end_as('cancelled'), expired = end_as('expired'),
    retry = settle_retry, dead = settle_dead, defer = settle_defer, release = settle_release,
    postpone = settle_postpone,
}

-- a before b, as stream ids. Compared as digits, because the largest ids do not fit a double.
local function id_before(a_ms, a_seq, b_ms, b_seq)
    local a, b = a_ms, b_ms
    if a_ms == b_ms then a, b = a_seq, b_seq end
    if #a ~= #b then return #a < #b end
    return a < b
end

local function widen(range, entry, ms, seq)
    if not range then return { first = entry, first_ms = ms, first_seq = seq, last = entry, last_ms = ms, last_seq = seq } end
    if id_before(ms, seq, range.first_ms, range.first_seq) then
        range.first, range.first_ms, range.first_seq = entry, ms, seq
    elseif id_before(range.last_ms, range.last_seq, ms, seq) then
        range.last, range.last_ms, range.last_seq = entry, ms, seq
    end
    return range
end

-- Jobs by stream, with the ids that the consumer owns, in one ranged XPENDING a stream.
local function owned_by_letter(keys, consumer, args)
    local ranges, owned = {}, {}
    for i = 2, #args, ARGUMENTS_A_JOB do
        local letter, entry = args[i + 1], args[i + 2]
        local ms, seq = string.match(entry, '^(%d+)%-(%d+)$')
        if not SETTLE[args[i]] or not SUFFIX[letter] or not ms then
            return nil, 'INVALID settle: got "' .. string.sub(args[i] .. ' ' .. letter .. ' ' .. entry, 1, 100) .. '"'
        end
        ranges[letter] = widen(ranges[letter], entry, ms, seq)
    end
    for letter, range in pairs(ranges) do
        owned[letter] = owned_in(keys[letter], consumer, range.first, range.last)
    end
    return owned
end

-- The job of an entry with its fields. A successful end without a key needs neither, so it does not pay for them.
local function load_job(context, outcome, letter, entry, a, b, c)
    local job = { letter = letter, entry = entry, a = a, b = b, c = c }
    if outcome == 'done' then
        job.id = own_id(letter, entry)
        if a ~= '' and redis.call('HGET', context.keys.moved, a) == letter .. entry then job.id = a end
        return job
    end
    job.fields = entry_fields(context.keys[letter], entry)
    if job.fields then job.id = job_id(context.keys, letter, entry, job.fields) end
    return job
end

local function settle_one(context, outcome, letter, entry, a, b, c)
    local job = load_job(context, outcome, letter, entry, a, b, c)
    if not job.id then
        -- Somebody deleted the entry behind our back: there is nothing left to move.
        note(context.events, 'ghost', own_id(letter, entry))
        if context.any_cancel then redis.call('HDEL', context.keys.cancel, own_id(letter, entry)) end
        return 'lost', true
    end
    local answer = SETTLE[outcome](context, job)
    if string.find(answer, '^failed') then return answer, false end
    if job.id ~= own_id(letter, entry) and answer ~= 'released' then unpoint(context.keys, job.id, letter, entry) end
    if context.any_cancel then redis.call('HDEL', context.keys.cancel, job.id) end
    return answer, true
end

-- One job that cannot be moved must not fail the batch; it stays in flight and is settled again later.
local function settle_safely(context, args, i)
    local ok, answer, ended = pcall(settle_one, context, unpack(args, i, i + ARGUMENTS_A_JOB - 1))
    if ok then return answer, ended end
    return 'failed ' .. tostring(type(answer) == 'table' and answer.err or answer), false
end

-- What nearly all jobs are: done, never moved, without a key, and nobody wants to cancel any. Nothing of it can fail.
local function is_plainly_done(context, args, i)
    return args[i] == 'done' and args[i + 3] == '' and args[i + 5] == '' and not context.any_cancel
end

local function settle_at(context, args, i)
    if not is_plainly_done(context, args, i) then return settle_safely(context, args, i) end
    context.done[#context.done + 1] = own_id(args[i + 1], args[i + 2])
    return 'done', true
end

local function finish(context, consumer, finished)
    for letter, entries in pairs(finished) do forget_entries(context.keys[letter], entries) end
    count(context.keys, 'done', #context.done)
    if #context.done > 0 then note(context.events, 'done', table.concat(context.done, ' ')) end
    write_journal(context.keys, consumer, context.events)
end

local function settle(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if (#args - 1) % ARGUMENTS_A_JOB ~= 0 or (#args - 1) / ARGUMENTS_A_JOB > SETTLE_BATCH_MAX then
        return redis.error_reply('INVALID settle: expected a consumer and up to ' .. SETTLE_BATCH_MAX
            .. ' jobs of six arguments')
    end
    local owned, wrong = owned_by_letter(keys, args[1], args)
    if not owned then return redis.error_reply(wrong) end
    local context = {
        keys = keys, now = now_ms(), events = {}, done = {}, any_cancel = any_cancel(keys),
    }
    local replies, finished = {}, {}
    for i = 2, #args, ARGUMENTS_A_JOB do
        local letter, entry = args[i + 1], args[i + 2]
        local answer, ended = 'lost', false
        if owned[letter][entry] then
            answer, ended = settle_at(context, args, i)
        else
            note(context.events, 'lost', own_id(letter, entry))
        end
        if ended then
            owned[letter][entry] = nil   -- the same entry twice in one batch: the second is no longer its owner
            finished[letter] = finished[letter] or {}
            finished[letter][#finished[letter] + 1] = entry
        end
        replies[#replies + 1] = answer
    end
    finish(context, args[1], finished)
    return replies
end

redis.register_function{ function_name = 'pond_settle', callback = settle, flags = { 'allow-oom' } }
