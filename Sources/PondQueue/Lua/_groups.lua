-- Exports: grouping
-- Groups of the dead: jobs that died of the same root cause. A job's group is written down when it dies, so nobody ever
-- has to look for it: `groups` has a summary a group, `group:ID` the ids of its jobs by the time of their death.

grouping = {}

local GROUPS_MAX = 500
local GROUP_KINDS_MAX = 8
local GROUP_TITLE_BYTES_MAX = 200
grouping.OTHER = 'other'   -- the dead of root causes that came when all groups were taken
local OTHER_KINDS = '*'
grouping.TREND_STEPS = 12
local TREND_STEP_MS = 300000

-- The group's name: what failures with the same root have in common.
function grouping.of(root)
    return string.sub(redis.sha1hex(root), 1, 8)
end

-- What a worker says of a failure is `root TAB title`; a failure that the library itself found has a root of its own.
local function plain_root(extra, cause, kind)
    if extra and extra ~= '' then
        local tab = string.find(extra, '\t', 1, true)
        if not tab then return extra, extra end
        return string.sub(extra, 1, tab - 1), string.sub(extra, tab + 1)
    end
    return cause .. ' | kind ' .. kind, cause
end

-- The root and the title of a job's failure. Work that failed and the undoing of it that failed are never one group,
-- because who sends a group back has to know which of the two runs.
function grouping.root(extra, cause, fields)
    local root, title = plain_root(extra, cause, grouping.kind(fields))
    local phase = field(fields, 'phase')
    if not phase then return root, title end
    if phase == 'undo' then return 'undo | ' .. root, 'undo: ' .. title end
    return 'step compensate | ' .. root, 'compensation: ' .. title
end

-- A kind as it may stand in a list of words; an entry that is no job has none.
function grouping.kind(fields)
    local kind = field(fields, 'kind')
    if kind and #kind <= KIND_BYTES_MAX and string.find(kind, '^[A-Za-z0-9][A-Za-z0-9._:-]*$') then return kind end
    return '-'
end

-- The group that a dead record says it is in; nil for one of an older library, or one that somebody else wrote.
function grouping.named(record)
    local group = record and record[5]
    if group == grouping.OTHER or type(group) == 'string' and string.find(group, '^%x%x%x%x%x%x%x%x$') then return group end
    return nil
end

-- The keys that a change of a group writes, looked at first: a key of another type must stop the call before its first
-- write, not after it.
function grouping.check(keys, group)
    redis.call('HLEN', keys.groups)
    redis.call('ZCARD', keys.groups_empty)
    if group then redis.call('ZCARD', keys.group .. group) end
end

-- What is no number, or none that a count or a time has, was not written here.
function grouping.number(value)
    local number = tonumber(value)
    return number and number >= 0 and number < 1e15 and math.floor(number) or 0
end

-- A summary: {ever, first_ms, last_ms, cause, title, last id, last error, state, ignore_until_ms, kinds, trend}. Its kinds
-- are {kind, number of dead, …}, its trend the number of the last step of time and the deaths of it and those before.
-- How many are dead now is what `group:ID` holds. Nil for what is none.
function grouping.summary(keys, group)
    local packed = redis.call('HGET', keys.groups, group)
    local ok, summary = pcall(cmsgpack.unpack, packed or '')
    if not ok or type(summary) ~= 'table' or type(summary[10]) ~= 'table' or type(summary[11]) ~= 'table' then
        return nil
    end
    return summary
end

function grouping.write(keys, group, summary)
    redis.call('HSET', keys.groups, group, cmsgpack.pack(summary))
end

-- Moves a trend to the step of now, so that its first number is for the step that now is in.
function grouping.trend(trend, now)
    local step = math.floor(now / TREND_STEP_MS)
    local behind = math.max(0, math.min(step - grouping.number(trend[1]), grouping.TREND_STEPS))
    local moved = { step }
    for i = 1, grouping.TREND_STEPS do
        moved[i + 1] = i > behind and grouping.number(trend[i + 1 - behind]) or 0
    end
    return moved
end

-- Counts a kind up or down; beyond the first eight they are counted together, so the sum is that of the group.
local function count_kind(kinds, kind, by)
    local place, rest
    for i = 1, #kinds, 2 do
        if kinds[i] == kind then place = i end
        if kinds[i] == OTHER_KINDS then rest = i end
    end
    local listed = #kinds / 2 - (rest and 1 or 0)
    if not place and by > 0 and listed < GROUP_KINDS_MAX then
        kinds[#kinds + 1], kinds[#kinds + 2] = kind, by
        return
    end
    if not place and not rest and by > 0 then
        kinds[#kinds + 1], kinds[#kinds + 2] = OTHER_KINDS, by
        return
    end
    place = place or rest
    if not place then return end
    kinds[place + 1] = grouping.number(kinds[place + 1]) + by
    if kinds[place + 1] > 0 then return end
    table.remove(kinds, place)
    table.remove(kinds, place)
end

-- Where a job of this group goes: its own, as long as there is room, else one that has none left gives its place.
function grouping.place(keys, group)
    if group == grouping.OTHER or redis.call('HEXISTS', keys.groups, group) == 1 then return group end
    local taken = redis.call('HLEN', keys.groups) - redis.call('HEXISTS', keys.groups, grouping.OTHER)
    if taken < GROUPS_MAX then return group end
    local empty = redis.call('ZRANGE', keys.groups_empty, 0, 0)[1]
    if not empty then return grouping.OTHER end
    redis.call('HDEL', keys.groups, empty)
    redis.call('ZREM', keys.groups_empty, empty)
    return group
end

-- What people said of a group ends with its end, or when it is back although it was said to be gone.
local function state_after_death(summary, now)
    if summary[8] == 'resolved' then return 'regressed', 0 end
    local until_ms = grouping.number(summary[9])
    if summary[8] == 'ignored' and until_ms > 0 and until_ms <= now then return 'open', 0 end
    return summary[8], until_ms
end

function grouping.add(keys, group, death, now)
    local summary = grouping.summary(keys, group)
        or { 0, int(now), '', '', '', '', '', 'open', 0, {}, {} }
    local state, until_ms = state_after_death(summary, now)
    summary[8], summary[9] = state, until_ms
    summary[1], summary[3] = grouping.number(summary[1]) + 1, int(now)
    summary[4], summary[5] = death.cause, clipped(death.title, GROUP_TITLE_BYTES_MAX)
    if group == grouping.OTHER then summary[5] = 'root causes beyond the first ' .. GROUPS_MAX end
    summary[6], summary[7] = death.id, clipped(death.text, LAST_ERROR_BYTES_MAX)
    count_kind(summary[10], death.kind, 1)
    summary[11] = grouping.trend(summary[11], now)
    summary[11][2] = summary[11][2] + 1
    redis.call('ZADD', keys.group .. group, int(now), death.id)
    grouping.write(keys, group, summary)
    redis.call('ZREM', keys.groups_empty, group)
end

-- Takes a job out of its group. One that is in none changes nothing, so that nothing is counted down twice.
function grouping.remove(keys, group, id, kind)
    if not group or redis.pcall('ZREM', keys.group .. group, id) ~= 1 then return end
    local summary = grouping.summary(keys, group)
    if not summary then return end
    count_kind(summary[10], kind, -1)
    grouping.write(keys, group, summary)
    if redis.call('ZCARD', keys.group .. group) == 0 then
        redis.call('ZADD', keys.groups_empty, grouping.number(summary[3]), group)
    end
end
