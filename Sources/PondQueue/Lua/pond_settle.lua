-- Settles what became of fetched entries, a batch a call. Only the owner may: an entry that this consumer no longer
-- owns answers `lost` and is left alone.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer, then records. Of plainly done jobs, which nearly all are (never moved, without a key), one record
--          for many:  plain  code  how many  least entry  greatest entry  entry …
--          Of such with a key and without a result, too:  keyed  code  how many  least entry  greatest entry  entry  key …
--          Of any other job six words:  outcome  code  entry  a  b  c
--            done       a = the job's id when it was moved, or ''      b = the result's bytes, or ''
--                       c = '' for a job without a key; '-' for one with a key and no result; else how long the result
--                       itself is kept in ms, 0 for its checksum alone
--            finished   as done, of a saga or a child of one: the saga has ended, and its parent is given the result
--            retry      a = delay in ms                                b = error text   c = spent
--            dead       a = cause                                      b = error text   c = spent
--            defer      a = delay in ms   b = grace in ms   c = ''
--                       (nobody here knows the kind; no attempt is counted)
--            release    a, b = ''   c = spent, or ''
--                       (not run to its end; ready again at the front, nothing is counted; an entry with more fields
--                       or bytes than a job has cannot be moved and is dead as malformed)
--            postpone   a = delay in ms   b = what of a budget it rests for, or ''   c = spent, or ''
--                       (as release, but no sooner than that)
--            duplicate  a = the id of the job that has the key, b, c = ''
--            cancelled  a, b, c = ''
--            compensated  a, b, c = ''   (what the job may have done is undone; its key is free)
--            expired    a, b, c = ''
--          Before a record may stand  with  text : marks of the done ones, a letter a job (see _slo.lua), or of a failure
--          what its root cause is told by (see _groups.lua); and  limit  text : what the other side of the job's limits has
--          said: done, failed or throttled:MS; without it done is done and a retry failed. Anywhere may stand  facts  text , what the worker knows of
--          the jobs of this call, for the journal.
--          where spent is what all tries together took: wall ms, CPU ms and micro-dollars, a space between, and perhaps
--          a fourth: how long the job had waited when its first try began, ms
-- returns  one element a record, in order. For plain ones: {the entries that are lost, …}; the others are done. For
--          keyed ones: {entry, answer, …} of those that are not done. For a job a text, the answer:
--          done · held DUE_MS · dead CAUSE · released · duplicate · cancelled · compensated · expired · lost · failed TEXT

local ARGUMENTS_A_JOB = 6
-- As bytes: the library of texts is not there while this one is loaded.
local FIRST_CAPITAL, LAST_CAPITAL, NO_MARK = 65, 90, 45
local ARGUMENTS_BEFORE_ENTRIES = 5
local WORDS_OF_MANY = { plain = 1, keyed = 2 }
local WORDS_BESIDE = { with = true, facts = true, limit = true }

-- Without a key, neither a job's fields nor its result matter. Who did not claim its key must not end another's.
local function end_key_of_done(context, job)
    local keys = context.keys
    job.fields = entry_fields(keys[job.code], job.entry)
    local key = job.fields and field(job.fields, 'key')
    if not key then return end
    local fingerprint = own_fingerprint(keys, key, job.id)
    local holder = not fingerprint and key_holder(keys, key, context.now)
    if holder and holder.id ~= job.id then return end
    local result = job.c ~= '-' and string.sub(job.b, 1, RESULT_BYTES_MAX)
    local keep = whole_number(job.c) or 0
    if keep > 0 then keep_result(keys, job.id, result, context.now, keep) end
    fingerprint = fingerprint or holder and holder.fingerprint or fingerprint_of(job.fields)
    bury_key(keys, key, job.id, fingerprint, math.min(number_field(job.fields, 'fence'), FENCE_MAX),
        result and checksum_of(result) or nil, context.now)
end

-- A capital mark says that the journal is not to name the job.
local function is_capital(mark) return mark >= FIRST_CAPITAL and mark <= LAST_CAPITAL end

local function count_done(context, mark, jobs)
    slo_mark(context.tallies, mark, jobs)
    if is_capital(mark) then context.unnamed = context.unnamed + jobs end
end

-- Counts a done job by its mark and names it for the journal.
local function note_done(context, id, mark)
    mark = mark or NO_MARK
    count_done(context, mark, 1)
    if not is_capital(mark) then context.done[#context.done + 1] = id end
end

local function settle_done(context, job)
    if job.c ~= '' then end_key_of_done(context, job) end
    note_done(context, job.id, job.extra and string.byte(job.extra))
    return 'done'
end

-- What all tries together took, as the worker counted it; what it does not say stays as it was.
local function spent_fields(job, changes)
    local wall, cpu, usd, waited = string.match(job.c, '^(%d+) (%d+) (%d+) ?(%d*)$')
    if not whole_number(wall) or not whole_number(cpu) or not whole_number(usd) then return changes end
    changes.spent_wall_ms, changes.spent_cpu_ms = wall, cpu
    -- A field that says nothing is not worth its memory.
    changes.spent_usd_micros = usd ~= '0' and usd or nil
    if whole_number(waited) and not field(job.fields, 'waited_ms') then changes.waited_ms = waited end
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
    local group = job.extra and ' ' .. grouping.of(grouping.root(job.extra, '', job.fields)) or ''
    note(context.events, 'retried', with_text(job.id .. ' ' .. int(due) .. group, job.b))
    return 'held ' .. int(due)
end

local function settle_dead(context, job)
    local fields = with_fields(job.fields, spent_fields(job, {
        id = false,
        enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
        attempt = int(math.min(number_field(job.fields, 'attempt') + 1, COUNT_MAX)),
    }))
    if job.a == 'malformed' then fields = job.fields end   -- raw, exactly as it came
    bury(context.keys, job.id, fields, job.a, job.b, context.now, context.events, job.extra)
    return 'dead ' .. job.a
end

-- Why a job is dead that no worker could run.
local function unhandled(fields)
    if field(fields, 'phase') ~= 'compensate' then return 'unknown_kind', 'no worker of this queue handles the kind' end
    return 'no_compensation', 'no worker of this queue has a compensation for the kind ' .. grouping.kind(fields)
        .. '; register one beside its handler (.compensate in Swift, --compensates for other programs)'
end

local function settle_defer(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local first = whole_number(field(job.fields, 'unhandled_ms')) or context.now
    if context.now - first >= (whole_number(job.b) or 0) then
        local cause, text = unhandled(job.fields)
        bury(context.keys, job.id, with_fields(job.fields, { id = false, unhandled_ms = false }), cause, text,
            context.now, context.events)
        return 'dead ' .. cause
    end
    local due = context.now + (whole_number(job.a) or 0)
    local fields = with_fields(job.fields, {
        id = false, enqueued_ms = enqueued_ms(job.fields, job.entry, context.now), unhandled_ms = int(first),
    })
    hold(context.keys, job.id, fields, due, context.now)
    note(context.events, 'deferred', job.id .. ' ' .. int(due))
    return 'held ' .. int(due)
end

local function settle_postpone(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local due = context.now + (whole_number(job.a) or 0)
    local fields = with_fields(job.fields, spent_fields(job, {
        id = false, enqueued_ms = enqueued_ms(job.fields, job.entry, context.now),
        budget_wait = job.b ~= '' and clipped(job.b, LAST_ERROR_BYTES_MAX),
    }))
    hold(context.keys, job.id, fields, due, context.now)
    note(context.events, 'released', with_text(job.id .. ' ' .. int(due), job.b))
    return 'held ' .. int(due)
end

local function settle_release(context, job)
    if is_cancelled(context, job) then return end_as('cancelled')(context, job) end
    local wrong = unmovable(job.fields)
    if wrong then
        bury(context.keys, job.id, job.fields, 'malformed', wrong, context.now, context.events)
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

local function settle_expired(context, job)
    free_key(context.keys, job.fields, job.id)
    note(context.events, 'expired', job.id)
    slo_failed(context.keys, context.events, job.id, job.fields, context.now)
    return 'expired'
end

local function settle_duplicate(context, job)
    free_key(context.keys, job.fields, job.id)
    note(context.events, 'duplicate', job.id .. ' ' .. job.a)
    context.duplicates = context.duplicates + 1
    -- Nobody works on such a key until somebody looks after the dead, so these are counted apart.
    if redis.pcall('HEXISTS', context.keys.dead, job.a) == 1 then
        context.duplicates_of_dead = context.duplicates_of_dead + 1
    end
    return 'duplicate'
end

local SETTLE = {
    done = settle_done, duplicate = settle_duplicate, cancelled = end_as('cancelled'), expired = settle_expired,
    compensated = end_as('compensated'), finished = settle_done,
    retry = settle_retry, dead = settle_dead, defer = settle_defer, release = settle_release,
    postpone = settle_postpone,
}

local function widen(range, entry, ms, seq)
    if not range then return { first = entry, first_ms = ms, first_seq = seq, last = entry, last_ms = ms, last_seq = seq } end
    if id_before(ms, seq, range.first_ms, range.first_seq) then
        range.first, range.first_ms, range.first_seq = entry, ms, seq
    elseif id_before(range.last_ms, range.last_seq, ms, seq) then
        range.last, range.last_ms, range.last_seq = entry, ms, seq
    end
    return range
end

-- Where each record begins and how many jobs it has; nil and an error when the arguments are none.
local function records_of(args)
    local records, jobs, at, extra, told = {}, 0, 2, nil, nil
    while at <= #args do
        while WORDS_BESIDE[args[at]] and at < #args do
            if args[at] == 'with' then
                extra = args[at + 1]
            elseif args[at] == 'limit' then
                told = args[at + 1]
            elseif #args[at + 1] <= FACTS_BYTES_MAX then
                records.facts = args[at + 1]
            end
            at = at + 2
        end
        if at > #args then break end
        local record = {
            at = at, code = args[at + 1], first = args[at + 2], last = args[at + 2], length = ARGUMENTS_A_JOB,
            extra = extra, told = told,
        }
        extra, told = nil, nil
        local words = WORDS_OF_MANY[args[at]]
        if words then
            record.count = whole_number(args[at + 2]) or 0
            record.first, record.last = args[at + 3], args[at + 4]
            record.length = ARGUMENTS_BEFORE_ENTRIES + words * record.count
        elseif not SETTLE[args[at]] then
            return nil, 'INVALID settle: got "' .. string.sub(args[at], 1, 100) .. '" where an outcome was expected'
        end
        if record.count == 0 or at + record.length - 1 > #args or not SUFFIX[record.code] then
            return nil, 'INVALID settle: expected a consumer and up to ' .. SETTLE_BATCH_MAX .. ' jobs in whole records'
        end
        jobs = jobs + (record.count or 1)
        records[#records + 1] = record
        at = at + record.length
    end
    if jobs > SETTLE_BATCH_MAX then
        return nil, 'INVALID settle: expected a consumer and up to ' .. SETTLE_BATCH_MAX .. ' jobs, got ' .. jobs
    end
    return records
end

-- By stream, the entries that the consumer owns, in one ranged XPENDING a stream.
local function owned_by_code(keys, consumer, records)
    local ranges, owned = {}, {}
    for i = 1, #records do
        local record = records[i]
        for _, entry in ipairs({ record.first, record.last }) do
            local ms, seq = string.match(entry, '^(%d+)%-(%d+)$')
            if not ms then
                return nil, 'INVALID settle: got "' .. string.sub(entry, 1, 100) .. '" where an entry was expected'
            end
            ranges[record.code] = widen(ranges[record.code], entry, ms, seq)
        end
    end
    for code, range in pairs(ranges) do
        owned[code] = owned_in(keys[code], consumer, range.first, range.last)
    end
    return owned
end

-- The job of an entry with its fields. A successful end without a key needs neither, so it does not pay for them.
local function load_job(context, outcome, code, entry, a, b, c, extra)
    local job = { code = code, entry = entry, a = a, b = b, c = c, extra = extra }
    if outcome == 'done' then
        job.id = own_id(code, entry)
        if a ~= '' and redis.call('HGET', context.keys.moved, a) == code .. entry then job.id = a end
        return job
    end
    job.fields = entry_fields(context.keys[code], entry)
    if job.fields then job.id = job_id(context.keys, code, entry, job.fields) end
    return job
end

-- Sagas turn round instead of ending badly. Nobody asks for the plainly done, and once a call for all others.
local TURNED_BY = { cancelled = 'cancelled', expired = 'cancelled', dead = 'compensated', finished = 'cancelled' }

-- Of a saga that undoes: what is still to be undone, when its job would end as if nothing were.
local function forgotten_undo(context, job, outcome)
    if not TURNED_BY[outcome] and outcome ~= 'compensated' or outcome == 'dead' then return nil end
    local _, steps = saga.read(context.keys, job.id)
    local name = saga.still_armed(steps)
    return name and 'failed step "' .. name .. '" is not undone' or nil
end

local function before_end(context, job, outcome)
    if not job.fields then return nil end
    if context.any_saga == nil then context.any_saga = saga.any(context.keys) end
    if not context.any_saga then return nil end
    local state = saga.state(context.keys, job.id)
    if not state then return nil end
    job.fields = with_fields(job.fields, { saga_run = '1' })
    local how, reason = TURNED_BY[outcome], outcome
    if outcome == 'dead' then reason = job.a .. ': ' .. job.b end
    if outcome == 'finished' and state ~= 'undoing' then how = nil end
    -- Whoever cancelled it has turned it round while it ran.
    if not how and (state == 'undoing' or is_cancelled(context, job)) then how, reason = 'cancelled', 'cancelled' end
    if state == 'undoing' and field(job.fields, 'phase') == 'undo' then return forgotten_undo(context, job, outcome) end
    if not how or not saga.turns(context.keys, job.id, job.fields, how, reason, context.now, context.events) then return nil end
    return 'released'
end

local EVENT_OF = {
    done = 'done', duplicate = 'duplicate', cancelled = 'cancelled', expired = 'expired', compensated = 'compensated',
}

-- A saga has ended with its job, and a parent counts its child. The dead are told of where they are buried.
local function after_end(context, job, answer)
    local how = job.fields and EVENT_OF[answer]
    if not how or not (context.any_saga or field(job.fields, 'saga_parent')) then return end
    joins.job_ended(context.keys, job.id, job.fields, how, context.now, context.events, string.sub(job.b, 1, RESULT_BYTES_MAX + 1))
end

-- What an end says of those that a job calls, where its worker does not say it.
local TOLD_BY = { done = 'done', finished = 'done', retry = 'failed' }

-- Notes that a job gives back what it held of limits. That is done when all have ended.
local function release(context, id, outcome, told)
    local ends = context.ends
    if not ends then return end
    local word, ms = told or TOLD_BY[outcome] or false, false
    if told and string.find(told, '^throttled:') then word, ms = 'throttled', whole_number(string.sub(told, 11)) or 0 end
    local last = #ends
    ends[last + 1], ends[last + 2], ends[last + 3] = id, word, ms
end

-- It must not fail an end: what is not given back is found by those who wait for it.
local function release_all(context)
    local of_limits = limits.open(context.keys, context.now)
    limits.release(of_limits, context.keys, context.ends)
    limits.close(of_limits)
end

local function settle_one(context, extra, outcome, code, entry, a, b, c)
    local job = load_job(context, outcome, code, entry, a, b, c, extra)
    if not job.id then
        -- Somebody deleted the entry behind our back: there is nothing left to move.
        note(context.events, 'ghost', own_id(code, entry))
        if context.any_cancel then redis.call('HDEL', context.keys.cancel, own_id(code, entry)) end
        return 'lost', true
    end
    local answer = outcome ~= 'done' and before_end(context, job, outcome) or SETTLE[outcome](context, job)
    if outcome ~= 'done' then after_end(context, job, answer) end
    if string.find(answer, '^failed') then return answer, false end
    if job.id ~= own_id(code, entry) and answer ~= 'released' then unpoint(context.keys, job.id, code, entry) end
    if context.any_cancel then redis.call('HDEL', context.keys.cancel, job.id) end
    release(context, job.id, outcome, context.told)
    return answer, true
end

-- One job that cannot be moved must not fail the batch; it stays in flight and is settled again later.
local function settle_safely(context, args, i, extra)
    local ok, answer, ended = pcall(settle_one, context, extra, unpack(args, i, i + ARGUMENTS_A_JOB - 1))
    if ok then return answer, ended end
    return 'failed ' .. tostring(type(answer) == 'table' and answer.err or answer), false
end

-- Notes that the consumer does not own an entry any more, so that the same entry twice in a batch is `lost` the second time.
local function end_entry(context, code, entry)
    context.owned[code][entry] = nil
    local finished = context.finished[code]
    if not finished then
        finished = {}
        context.finished[code] = finished
    end
    finished[#finished + 1] = entry
end

local function settle_record(context, args, at, extra, told)
    local code, entry = args[at + 1], args[at + 2]
    context.told = told
    local answer, ended = 'lost', false
    if context.owned[code][entry] then
        answer, ended = settle_safely(context, args, at, extra)
    else
        note(context.events, 'lost', own_id(code, entry))
    end
    if ended then end_entry(context, code, entry) end
    return answer
end

-- A list with room for so many values: to let one grow is to move what is in it again and again.
local function room_for(args, first, count)
    return { unpack(args, first, first + count - 1) }
end

-- A list to be written to, which has room already while it is empty, and how much is in it.
local function room_behind(list, like)
    if list and #list > 0 then return list, #list end
    return { unpack(like) }, 0
end

-- Many that are done, never moved, and without a key: nothing of it can fail. Nearly every job comes here, so what can be done
-- for all at once is.
local function settle_plain(context, args, record)
    local code, lost, counts = record.code, {}, {}
    local suffix, owned = code == 'n' and '' or code, context.owned[code]
    local first = record.at + ARGUMENTS_BEFORE_ENTRIES
    local marks, entries = { string.byte(record.extra or '', 1, record.count) }, room_for(args, first, record.count)
    local finished, ended = room_behind(context.finished[code], entries)
    local named, names = room_behind(context.done, entries)
    context.finished[code], context.done = finished, named
    for i = 1, #entries do
        local entry = entries[i]
        if owned[entry] then
            owned[entry] = nil
            ended = ended + 1
            finished[ended] = entry
            local mark = marks[i] or NO_MARK
            counts[mark] = (counts[mark] or 0) + 1
            if mark < FIRST_CAPITAL or mark > LAST_CAPITAL then
                names = names + 1
                named[names] = entry .. suffix
            end
            if context.any_cancel then redis.call('HDEL', context.keys.cancel, own_id(code, entry)) end
            if context.ends then release(context, entry .. suffix, 'done') end
        else
            lost[#lost + 1] = entry
            note(context.events, 'lost', own_id(code, entry))
        end
    end
    for i = #finished, ended + 1, -1 do finished[i] = nil end
    for i = #named, names + 1, -1 do named[i] = nil end
    for mark, jobs in pairs(counts) do count_done(context, mark, jobs) end
    return lost
end

-- The burials of keyed jobs whose keys are plainly their own, and the places of their entries in `args`. Such an entry is
-- no longer this consumer's, so that it is not met twice. Whether a packed pair names a job is seen without unpacking it; an
-- id too long for one byte of length is not recognised, and then has to be looked at the long way.
local function take_burials(context, args, record)
    local owned, find, count = context.owned[record.code], string.find, record.count
    local first = record.at + ARGUMENTS_BEFORE_ENTRIES
    local suffix = record.code == 'n' and '' or record.code
    local keys, ids, places = room_for(args, first, count), room_for(args, first, count), room_for(args, first, count)
    for job = 1, count do keys[job] = args[first + 2 * job - 1] end
    local pairs_found, buried = redis.call('HMGET', context.keys.live, unpack(keys)), 0
    for job = 1, count do
        local place, packed = first + 2 * job - 2, pairs_found[job]
        local id = args[place] .. suffix
        if packed and owned[args[place]] and #packed == #id + PAIR_BYTES and find(packed, id, 3, true) == 3 then
            owned[args[place]] = nil
            buried = buried + 1
            keys[buried], ids[buried], pairs_found[buried], places[buried] = keys[job], id, packed, place
        end
    end
    for job = count, buried + 1, -1 do keys[job], ids[job], pairs_found[job], places[job] = nil, nil, nil, nil end
    return { keys = keys, ids = ids, fingerprints = pairs_found }, places
end

-- Notes that jobs are done whose keys were buried, and takes their entries out of `args`. Marks are in the order of the jobs.
local function note_buried(context, args, record, ids, places)
    local counts, marks = {}, { string.byte(record.extra or '', 1, record.count) }
    local finished, ended = room_behind(context.finished[record.code], ids)
    local named, names = room_behind(context.done, ids)
    context.finished[record.code], context.done = finished, named
    local before = record.at + ARGUMENTS_BEFORE_ENTRIES - 2
    for i = 1, #places do
        local place = places[i]
        local mark = marks[(place - before) / 2] or NO_MARK
        counts[mark] = (counts[mark] or 0) + 1
        if mark < FIRST_CAPITAL or mark > LAST_CAPITAL then
            names = names + 1
            named[names] = ids[i]
        end
        finished[ended + i] = args[place]
        args[place] = false
        if context.any_cancel then redis.call('HDEL', context.keys.cancel, ids[i]) end
        if context.ends then release(context, ids[i], 'done') end
    end
    for i = #named, names + 1, -1 do named[i] = nil end
    for mark, jobs in pairs(counts) do count_done(context, mark, jobs) end
end

-- Many with a key of their own: what they have in common is done once. Where that fails, and for a job whose key is not
-- plainly its own, each is looked at alone.
local function settle_keyed(context, args, record)
    local code, answers = record.code, {}
    local first = record.at + ARGUMENTS_BEFORE_ENTRIES
    local ok, burials, places = pcall(take_burials, context, args, record)
    if ok and #places > 0 then
        if pcall(bury_keys, context.keys, burials, context.now) then
            note_buried(context, args, record, burials.ids, places)
            if #places == record.count then return answers end
        else
            for i = 1, #places do context.owned[code][args[places[i]]] = true end
        end
    end
    for i = first, record.at + record.length - 1, 2 do
        if args[i] then
            local mark = string.char(string.byte(record.extra or '', (i - first) / 2 + 1) or NO_MARK)
            local answer = settle_record(context, { 'done', code, args[i], '', '', '-' }, 1, mark)
            if answer ~= 'done' then answers[#answers + 1], answers[#answers + 2] = args[i], answer end
        end
    end
    return answers
end

local SETTLE_MANY = { plain = settle_plain, keyed = settle_keyed }

local function finish(context, consumer)
    if context.ends then pcall(release_all, context) end
    for code, entries in pairs(context.finished) do forget_batch(context.keys, code, entries, context.now) end
    count(context.keys, 'done', #context.done + context.unnamed)
    count(context.keys, 'duplicates', context.duplicates)
    count(context.keys, 'duplicates_of_dead', context.duplicates_of_dead)
    if context.unnamed > 0 then note_many(context.events, 'unsampled', int(context.unnamed), context.unnamed) end
    if #context.done > 0 then note_many(context.events, 'done', table.concat(context.done, ' '), #context.done) end
    slo_write(context.keys, context.tallies, context.now)
    write_journal(context.keys, consumer, context.events)
end

local function settle(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local records, wrong = records_of(args)
    if not records then return redis.error_reply(wrong) end
    local owned, wrong_entry = owned_by_code(keys, args[1], records)
    if not owned then return redis.error_reply(wrong_entry) end
    local events = { facts = records.facts }
    local context = {
        keys = keys, now = now_ms(), events = events, tallies = slo_tallies(events), done = {}, unnamed = 0,
        any_cancel = any_cancel(keys), owned = owned, finished = {}, duplicates = 0, duplicates_of_dead = 0,
    }
    local held = redis.pcall('HLEN', keys.granted)
    if not is_error(held) and held > 0 then context.ends = {} end
    local replies = {}
    for i = 1, #records do
        local record = records[i]
        local many = SETTLE_MANY[args[record.at]]
        replies[i] = many and many(context, args, record) or settle_record(context, args, record.at, record.extra, record.told)
    end
    finish(context, args[1])
    return replies
end

redis.register_function{ function_name = 'pond_settle', callback = settle, flags = { 'allow-oom' } }
