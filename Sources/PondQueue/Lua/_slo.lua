-- Service levels: how many jobs of a class ended, and how many of those kept what was promised. Each job counts once, in
-- the call that ends it, so a settle that is lost or repeated changes nothing.
--
-- A call gathers its ends by index and writes them at its end. An index is class × 4 + wait kept × 2 + total kept, from
-- 0; 16 more when the job did not end well.

local SLO_HOUR_MS = 3600000
local SLO_SLOT_MS = 300000           -- each hour is counted as a whole and by twelfths
local SLO_COUNTERS = 4               -- jobs, wait kept, total kept, ended well
local SLO_LAST = 51                  -- the place of the last counter of an hour, from 0
local SLO_KEPT_S = 31 * 86400        -- a budget is of 30 days
local SLO_ILL = 16
local SLO_CLASSES = { 'A', 'B', 'C', 'D' }
local SLO_CLASS = { A = 0, B = 1, C = 2, D = 3 }
-- What a job of a class may wait, and take in all, in ms; a test compares them with `ClassTarget`.
local SLO_TARGETS = { { 10000, 30000 }, { 60000, 300000 }, { 600000, 7200000 }, { 600000, 604800000 } }

-- A worker's marks of jobs that are done: a letter a job, 'a' for index 0 to 'p'. A capital is the same for this file.
local SLO_MARKS = {}
for index = 0, SLO_ILL - 1 do SLO_MARKS[97 + index], SLO_MARKS[65 + index] = index, index end

-- Counts one done job by its mark, a byte; any other byte counts nothing.
local function slo_mark(tallies, byte)
    local index = SLO_MARKS[byte]
    if index then tallies[index] = (tallies[index] or 0) + 1 end
end

-- Counts jobs of a class, 0 for A to 3 for D.
local function slo_note(tallies, class, wait_kept, total_kept, success, number)
    local index = class * 4 + (wait_kept and 2 or 0) + (total_kept and 1 or 0) + (success and 0 or SLO_ILL)
    tallies[index] = (tallies[index] or 0) + (number or 1)
end

-- The class of a job, 0 for A to 3 for D: its own, else the queue's, else B.
local function slo_class(keys, fields)
    local own = SLO_CLASS[field(fields, 'class')]
    if own then return own end
    return SLO_CLASS[redis.pcall('HGET', keys.meta, 'class')] or SLO_CLASS.B
end

-- What a class may wait and take in this queue, ms.
local function slo_target(keys, class)
    local text = redis.pcall('HGET', keys.meta, 'slo:' .. SLO_CLASSES[class + 1])
    local wait, total = string.match(type(text) == 'string' and text or '', '^(%d+) (%d+) ')
    local standard = SLO_TARGETS[class + 1]
    return whole_number(wait) or standard[1], whole_number(total) or standard[2]
end

-- The tallies of a call, beside its events.
local function slo_tallies(events)
    events.slo = events.slo or {}
    return events.slo
end

-- Counts a job that ended badly, dead or expired. One that never began has not kept its wait.
local function slo_failed(keys, events, id, fields, now)
    local class = slo_class(keys, fields)
    local wait, total = slo_target(keys, class)
    local waited = whole_number(field(fields, 'waited_ms'))
    local since = whole_number(field(fields, 'enqueued_ms')) or whole_number(string.match(id, '^(%d+)')) or now
    slo_note(slo_tallies(events), class, waited and waited <= wait, now - since <= total, false)
end

-- The four counters of a class from a call's tallies, nil when it has none.
local function slo_sum(tallies, class)
    local jobs, wait_kept, total_kept, well = 0, 0, 0, 0
    for kept = 0, 3 do
        local good, ill = tallies[class * 4 + kept] or 0, tallies[class * 4 + kept + SLO_ILL] or 0
        jobs, well = jobs + good + ill, well + good
        if kept >= 2 then wait_kept = wait_kept + good + ill end
        if kept % 2 == 1 then total_kept = total_kept + good + ill end
    end
    return jobs > 0 and { jobs, wait_kept, total_kept, well } or nil
end

local function slo_add(key, slot, sums)
    local words = { 'OVERFLOW', 'SAT' }
    for _, group in ipairs({ 0, (slot + 1) * SLO_COUNTERS }) do
        for i = 1, SLO_COUNTERS do
            local at = #words
            words[at + 1], words[at + 2], words[at + 3], words[at + 4] = 'INCRBY', 'u32', '#' .. group + i - 1, sums[i]
        end
    end
    -- They tell of a change that has been made, so their own failure must not fail the call.
    local reply = redis.pcall('BITFIELD', key, unpack(words))
    if is_error(reply) or reply[1] ~= sums[1] then return end
    -- The first of its hour. All its room at once, so that the text does not grow by and by into twice of it.
    redis.pcall('BITFIELD', key, 'INCRBY', 'u32', '#' .. SLO_LAST, 0)
    redis.pcall('EXPIRE', key, SLO_KEPT_S)
end

-- Writes what a call has gathered, one command a class.
local function slo_write(keys, tallies, now)
    if not tallies or not next(tallies) then return end
    local hour = math.floor(now / SLO_HOUR_MS)
    local slot = math.floor(now % SLO_HOUR_MS / SLO_SLOT_MS)
    for class = 0, 3 do
        local sums = slo_sum(tallies, class)
        if sums then slo_add(keys.slo .. SLO_CLASSES[class + 1] .. ':' .. int(hour), slot, sums) end
    end
end
