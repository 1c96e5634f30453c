-- Service levels: how many jobs of a class ended, and how many of those kept what was promised. Each job counts once, in
-- the call that ends it, so a settle that is lost or repeated changes nothing.
--
-- A call gathers its ends by index and writes them at its end. An index is class × 4 + wait kept × 2 + total kept, from
-- 0; 16 more when the job did not end well.

local SLO = {
    HOUR_MS = 3600000,
    SLOT_MS = 300000,          -- each hour is counted as a whole and by twelfths
    SLOTS = 12,
    COUNTERS = 4,              -- jobs, wait kept, total kept, ended well
    LAST = 51,                 -- the place of the last counter of an hour, from 0
    KEPT_MS = 31 * 86400000,   -- a budget is of 30 days
    BUCKETS = 117,             -- of a histogram, see pond_measure
    ILL = 16,
    CLASSES = { 'A', 'B', 'C', 'D' },
    CLASS = { A = 0, B = 1, C = 2, D = 3 },
    -- What a job of a class may wait, and take in all, in ms; a test compares them with `ClassTarget`.
    TARGETS = { { 10000, 30000 }, { 60000, 300000 }, { 600000, 7200000 }, { 600000, 604800000 } },
    -- A worker's marks of jobs that are done: a letter a job, 'a' for index 0 to 'p'. A capital is the same for this file.
    MARKS = {},
}

for index = 0, SLO.ILL - 1 do SLO.MARKS[97 + index], SLO.MARKS[65 + index] = index, index end

-- The tallies of a call, beside its events.
local function slo_tallies(events)
    events.slo = events.slo or {}
    return events.slo
end

-- Counts done jobs by their mark, a byte; any other byte counts nothing.
local slo_mark
do
    local marks = SLO.MARKS
    function slo_mark(tallies, byte, jobs)
        local index = marks[byte]
        if index then tallies[index] = (tallies[index] or 0) + jobs end
    end
end

-- Counts jobs of a class, 0 for A to 3 for D.
local function slo_note(tallies, class, wait_kept, total_kept, success, number)
    local index = class * 4 + (wait_kept and 2 or 0) + (total_kept and 1 or 0) + (success and 0 or SLO.ILL)
    tallies[index] = (tallies[index] or 0) + (number or 1)
end

-- The class of a job, 0 for A to 3 for D: its own, else the queue's, else B.
function SLO.class_of(keys, fields)
    local own = SLO.CLASS[field(fields, 'class')]
    if own then return own end
    return SLO.CLASS[redis.pcall('HGET', keys.meta, 'class')] or SLO.CLASS.B
end

-- What a class may wait and take in this queue, ms.
function SLO.target_of(keys, class)
    local text = redis.pcall('HGET', keys.meta, 'slo:' .. SLO.CLASSES[class + 1])
    local wait, total = string.match(type(text) == 'string' and text or '', '^(%d+) (%d+) ')
    local standard = SLO.TARGETS[class + 1]
    return whole_number(wait) or standard[1], whole_number(total) or standard[2]
end

-- Adds the queue's class and what its classes are promised to a reply; '' where nothing is said.
function SLO.add_promises(keys, reply)
    local said = redis.pcall('HMGET', keys.meta, 'class', 'slo:A', 'slo:B', 'slo:C', 'slo:D')
    for i = 1, 5 do reply[#reply + 1] = not is_error(said) and said[i] or '' end
    return reply
end

-- Counts a job that ended badly, dead or expired. One that never began has not kept its wait.
local function slo_failed(keys, events, id, fields, now)
    local class = SLO.class_of(keys, fields)
    local wait, total = SLO.target_of(keys, class)
    local waited = whole_number(field(fields, 'waited_ms'))
    local since = whole_number(field(fields, 'enqueued_ms')) or whole_number(string.match(id, '^(%d+)')) or now
    slo_note(slo_tallies(events), class, waited and waited <= wait, now - since <= total, false)
end

-- The four counters of a class from a call's tallies, nil when it has none.
function SLO.sum(tallies, class)
    local jobs, wait_kept, total_kept, well = 0, 0, 0, 0
    for kept = 0, 3 do
        local good, ill = tallies[class * 4 + kept] or 0, tallies[class * 4 + kept + SLO.ILL] or 0
        jobs, well = jobs + good + ill, well + good
        if kept >= 2 then wait_kept = wait_kept + good + ill end
        if kept % 2 == 1 then total_kept = total_kept + good + ill end
    end
    return jobs > 0 and { jobs, wait_kept, total_kept, well } or nil
end

function SLO.add(key, slot, sums, now)
    local words = { 'OVERFLOW', 'SAT' }
    for _, group in ipairs({ 0, (slot + 1) * SLO.COUNTERS }) do
        for i = 1, SLO.COUNTERS do
            local at = #words
            words[at + 1], words[at + 2], words[at + 3], words[at + 4] = 'INCRBY', 'u32', '#' .. group + i - 1, sums[i]
        end
    end
    -- They tell of a change that has been made, so their own failure must not fail the call.
    local reply = redis.pcall('BITFIELD', key, unpack(words))
    if is_error(reply) or reply[1] ~= sums[1] then return end
    -- The first of its hour. All its room at once, so that the text does not grow by and by into twice of it.
    redis.pcall('BITFIELD', key, 'INCRBY', 'u32', '#' .. SLO.LAST, 0)
    redis.pcall('PEXPIREAT', key, int(now + SLO.KEPT_MS))
end

-- Writes what a call has gathered, one command a class.
local function slo_write(keys, tallies, now)
    if not tallies or not next(tallies) then return end
    local hour = math.floor(now / SLO.HOUR_MS)
    local slot = math.floor(now % SLO.HOUR_MS / SLO.SLOT_MS)
    for class = 0, 3 do
        local sums = SLO.sum(tallies, class)
        if sums then SLO.add(keys.slo .. SLO.CLASSES[class + 1] .. ':' .. int(hour), slot, sums, now) end
    end
end
