-- Exports: note note_many with_text note_facts write_journal

-- What happened, for the journal: gathered in a call and appended at its end, in one entry unless there are more events
-- than Lua can pass in one command. An entry has these fields:
--     by      the worker that wrote it, '' for anybody else
--     n       how many events the journal had ever had before it: who finds more than expected has missed the rest
--     facts   what is known of the jobs, a line each:
--             id  kind  correlation id  causation id  attempt  wait in ms  run in ms   (tabs between, '' for unknown)
-- and then events, each with its detail: the job's id, more words, and behind a line's end a text. `done` has many ids;
-- `unsampled` has the number of jobs that were done without an event, because their kind is sampled.

local JOURNAL_WORDS_MAX = 4096
local JOURNAL_TRIM_EVERY = 10000

function note(events, event, detail)
    events[#events + 1] = event
    events[#events + 1] = detail
end

-- An event of many jobs, which counts as one for each.
function note_many(events, event, detail, jobs)
    events.many = events.many or {}
    events.many[#events + 1] = jobs
    note(events, event, detail)
end

-- The detail of an event that has a text. Clients read it as UTF-8, so it is never cut within a character.
function with_text(words, text)
    if not text or text == '' then return words end
    return words .. '\n' .. clipped(text, LAST_ERROR_BYTES_MAX)
end

local ESCAPES = { ['\t'] = '\\t', ['\n'] = '\\n', ['\\'] = '\\\\' }

local function fact(text)
    return text and (string.gsub(clipped(text, HEADER_VALUE_BYTES_MAX), '[\t\n\\]', ESCAPES)) or ''
end

-- Adds what a job's fields tell to the facts of the call.
function note_facts(events, id, fields)
    local bytes = events.facts and #events.facts or 0
    if not fields or bytes > FACTS_BYTES_MAX then return end
    local line = table.concat({
        id, fact(field(fields, 'kind')), fact(field(fields, 'correlation_id')), fact(field(fields, 'causation_id')),
        int(number_field(fields, 'attempt') + 1), '', '',
    }, '\t')
    events.facts = bytes > 0 and events.facts .. '\n' .. line or line
end

-- As many events as a part of them counts.
local function weight_of(events, first, last)
    local weight = (last - first + 1) / 2
    for place, jobs in pairs(events.many or {}) do
        if place >= first and place <= last then weight = weight + jobs - 1 end
    end
    return weight
end

-- Entries differ in size a hundredfold, so their number says little: the journal is cut by the events in it, whenever
-- ten thousand more have come, in proportion.
local function trim_journal(keys, before, after)
    if math.floor(before / JOURNAL_TRIM_EVERY) == math.floor(after / JOURNAL_TRIM_EVERY) then return end
    local head = redis.pcall('XRANGE', keys.journal, '-', '+', 'COUNT', 1)
    if is_error(head) or not head[1] then return end
    local kept = after - (whole_number(field(head[1][2], 'n')) or 0)
    if kept <= JOURNAL_EVENTS_MAX then return end
    local length = redis.call('XLEN', keys.journal)
    redis.pcall('XTRIM', keys.journal, 'MAXLEN', '~', int(math.floor(length * JOURNAL_EVENTS_MAX / kept)))
end

-- The journal tells of a change that has already been made, so its own failure must not fail the call.
function write_journal(keys, by, events)
    for first = 1, #events, JOURNAL_WORDS_MAX do
        local last = math.min(first + JOURNAL_WORDS_MAX - 1, #events)
        local weight = weight_of(events, first, last)
        local after = redis.pcall('HINCRBY', keys.meta, 'journal_events', int(weight))
        local words = { 'by', by, 'n', is_error(after) and '' or int(after - weight) }
        if first == 1 and events.facts then words[5], words[6] = 'facts', events.facts end
        for i = first, last do words[#words + 1] = events[i] end
        redis.pcall('XADD', keys.journal, 'MAXLEN', '~', JOURNAL_ENTRIES_MAX, '*', unpack(words))
        if not is_error(after) then trim_journal(keys, after - weight, after) end
    end
end
