-- Exports: note note_many with_text note_facts note_step write_journal tend_journal

-- What happened, for the journal: gathered in a call and appended at its end, in one entry unless there are more events
-- than Lua can pass in one command. An entry has these fields:
--     by      the worker that wrote it, '' for anybody else
--     n       how many events the journal had ever had before it: who finds more than expected has missed the rest
--     facts   what is known of the jobs, a line each:
--             id  kind  correlation id  causation id  attempt  wait in ms  run in ms   (tabs between, '' for unknown)
--             or of a step:  id, a blank and its name  kind  ''  ''  attempt  ''  how long it took in ms
-- and then events, each with its detail: the job's id, more words, and behind a line's end a text. `done` has many ids;
-- `unsampled` has the number of jobs that were done without an event, because their kind is sampled.

local JOURNAL_WORDS_MAX = 4096
local JOURNAL_LOOK_EVERY = 10000
local SHORT_OF_MEMORY = 0.9

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

local function add_facts(events, words)
    local bytes = events.facts and #events.facts or 0
    if bytes > FACTS_BYTES_MAX then return end
    local line = table.concat(words, '\t')
    events.facts = bytes > 0 and events.facts .. '\n' .. line or line
end

-- Adds what a job's fields tell to the facts of the call.
function note_facts(events, id, fields)
    if not fields then return end
    add_facts(events, {
        id, fact(field(fields, 'kind')), fact(field(fields, 'correlation_id')), fact(field(fields, 'causation_id')),
        int(number_field(fields, 'attempt') + 1), '', '',
    })
end

-- What happened to a step, and how long it took, nil for unknown; `words` stand between the id and the step's name.
function note_step(events, event, id, words, name, text, kind, attempt, took)
    note(events, event, with_text(id .. ' ' .. words .. name, text))
    add_facts(events, { id .. ' ' .. name, fact(kind or nil), '', '', int(attempt or 1), '', took and int(took) or '' })
end

-- As many events as a part of them counts.
local function weight_of(events, first, last)
    local weight = (last - first + 1) / 2
    for place, jobs in pairs(events.many or {}) do
        if place >= first and place <= last then weight = weight + jobs - 1 end
    end
    return weight
end

-- Whether the server is so short of memory that it will soon refuse new jobs.
local function is_memory_short()
    local info = redis.pcall('INFO', 'memory')
    if type(info) ~= 'string' then return false end
    local used, most = tonumber(string.match(info, 'used_memory:(%d+)')), tonumber(string.match(info, 'maxmemory:(%d+)'))
    return used and most and most > 0 and used > SHORT_OF_MEMORY * most
end

-- What the journal keeps however short memory is: a setting of the queue, for those who must not miss what happened.
local function bytes_that_stay(keys)
    local least = redis.pcall('HGET', keys.meta, 'journal_bytes_min')
    return type(least) == 'string' and whole_number(least) or JOURNAL_BYTES_MIN
end

-- The part of the journal that may stay, 1 for all of it: what it tells of has happened, so it is the first to give way.
local function part_to_keep(keys, events)
    local part = events > JOURNAL_EVENTS_MAX and JOURNAL_EVENTS_MAX / events or 1
    local bytes = redis.pcall('MEMORY', 'USAGE', keys.journal, 'SAMPLES', 0)
    if type(bytes) ~= 'number' then return part end
    if bytes > JOURNAL_BYTES_MAX then part = math.min(part, JOURNAL_BYTES_MAX / bytes) end
    if bytes > JOURNAL_BYTES_MIN and bytes > bytes_that_stay(keys) and is_memory_short() then
        part = math.min(part, 0.5)
    end
    return part
end

-- How many entries the journal may keep when it has to be cut, nil when it has not. Entries differ in size a hundredfold,
-- so their number says little: what counts are the events and the bytes in them, in proportion.
local function entries_to_keep(keys, events_ever)
    local head = redis.pcall('XRANGE', keys.journal, '-', '+', 'COUNT', 1)
    if is_error(head) or not head[1] then return nil end
    local part = part_to_keep(keys, events_ever - (whole_number(field(head[1][2], 'n')) or 0))
    if part >= 1 then return nil end
    return int(math.floor(redis.call('XLEN', keys.journal) * part))
end

-- An entry more, and the oldest away when that is due.
local function append_to_journal(keys, words, keep)
    if keep then
        redis.pcall('XADD', keys.journal, 'MAXLEN', '~', keep, 'LIMIT', 0, '*', unpack(words))
    else
        redis.pcall('XADD', keys.journal, 'MAXLEN', '~', JOURNAL_ENTRIES_MAX, '*', unpack(words))
    end
end

-- The journal tells of a change that has already been made, so its own failure must not fail the call. Whether it has to be
-- cut is looked at whenever ten thousand events more have come.
function write_journal(keys, by, events)
    for first = 1, #events, JOURNAL_WORDS_MAX do
        local last = math.min(first + JOURNAL_WORDS_MAX - 1, #events)
        local weight = weight_of(events, first, last)
        local after, keep = redis.pcall('HINCRBY', keys.meta, 'journal_events', int(weight)), nil
        local words = { 'by', by, 'n', is_error(after) and '' or int(after - weight) }
        if first == 1 and events.facts then words[5], words[6] = 'facts', events.facts end
        for i = first, last do words[#words + 1] = events[i] end
        if not is_error(after)
            and math.floor((after - weight) / JOURNAL_LOOK_EVERY) ~= math.floor(after / JOURNAL_LOOK_EVERY) then
            keep = entries_to_keep(keys, after)
        end
        append_to_journal(keys, words, keep)
    end
end

-- Looks at the journal between its entries, for a queue whose entries are few and large, or whose server is short of memory.
-- A cut is an entry that tells of nothing.
function tend_journal(keys, by)
    local ever = whole_number(redis.call('HGET', keys.meta, 'journal_events') or '0') or 0
    local keep = entries_to_keep(keys, ever)
    if keep then append_to_journal(keys, { 'by', by, 'n', int(ever), 'unsampled', '0' }, keep) end
end
