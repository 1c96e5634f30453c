-- How many jobs of each class ended over a while, how many kept what they were promised, and who is late and still waits.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  windows up to now in ms (at most 8, each at most 31 days); each is widened to whole five minutes
-- returns  {now_ms, the queue's class or '', four promises as in pond_measure, then for each class A to D:
--           jobs, wait kept, total kept, ended well   (for each window)
--           late, about, '1' when that is exact or '0'}
--          late are jobs that have waited, ready, for longer than their class may, so many at least; about is an estimate of
--          their number, by the time that the stream's jobs span, when there are too many to look at

local WINDOWS_MAX = 8
local WINDOW_MS_MAX = 31 * 86400000
local LATE_ENTRIES_MAX = 1000
local LATE_BYTES_MAX = 1048576
local LATE_PAGE_MAX = 100
local COUNTER_BYTES = 4

local function add_group(sums, packed, group)
    local at = group * SLO.COUNTERS * COUNTER_BYTES + 1
    if #packed < at + SLO.COUNTERS * COUNTER_BYTES - 1 then return end
    local jobs, wait_kept, total_kept, well = struct.unpack('>I4I4I4I4', packed, at)
    sums[1], sums[2], sums[3], sums[4] = sums[1] + jobs, sums[2] + wait_kept, sums[3] + total_kept, sums[4] + well
end

-- Adds an hour to a window that begins with a slot: as a whole when all of it is in the window, else by its slots.
local function add_hour(sums, packed, hour, first_slot)
    local before = first_slot - hour * SLO.SLOTS
    if before <= 0 then return add_group(sums, packed, 0) end
    for slot = before, SLO.SLOTS - 1 do add_group(sums, packed, slot + 1) end
end

-- The four counters of a class, for each window.
local function read_counters(keys, class, windows, now)
    local longest, sums, first_slots = 0, {}, {}
    for i = 1, #windows do
        longest, sums[i] = math.max(longest, windows[i]), { 0, 0, 0, 0 }
        first_slots[i] = math.floor((now - windows[i]) / SLO.SLOT_MS)
    end
    local first, last, names = math.floor((now - longest) / SLO.HOUR_MS), math.floor(now / SLO.HOUR_MS), {}
    for hour = first, last do names[#names + 1] = keys.slo .. class .. ':' .. int(hour) end
    local found = redis.call('MGET', unpack(names))
    for i = 1, #names do
        if found[i] then
            for w = 1, #windows do add_hour(sums[w], found[i], first + i - 1, first_slots[w]) end
        end
    end
    return sums
end

-- Looks at one ready entry: one that was tried before has had its wait counted already.
local function look(context, entry)
    local fields = entry[2]
    context.entries, context.bytes = context.entries + 1, context.bytes + bytes_of(fields)
    if field(fields, 'waited_ms') then return end
    local class = SLO.CLASS[field(fields, 'class')] or context.class
    context.seen[class + 1] = context.seen[class + 1] + 1
    if context.now - tonumber(string.match(entry[1], '^%d+')) > context.waits[class + 1] then
        context.late[class + 1] = context.late[class + 1] + 1
    end
end

-- As many as may be read at once, by the size of those that were read.
local function page_size(context)
    local left = LATE_ENTRIES_MAX - context.entries
    if context.entries == 0 or left <= 0 then return math.min(1, left) end
    local mean = context.bytes / context.entries + 1
    return math.min(left, LATE_PAGE_MAX, math.floor((LATE_BYTES_MAX - context.bytes) / mean))
end

-- Adds an estimate of the late jobs of a stream that nobody looked at: as if its jobs had come evenly, and as if their
-- classes were mixed as those of the others are.
local function estimate_rest(context, key, pending, first_ms, looked)
    local ready = math.max(0, redis.call('XLEN', key) - pending)
    local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
    local last_ms = newest[1] and tonumber(string.match(newest[1][1], '^%d+'))
    if not last_ms or context.entries == 0 then return end
    first_ms = first_ms or last_ms
    context.is_exact = false
    for class = 1, 4 do
        local cutoff = context.now - context.waits[class]
        local part = last_ms > first_ms and (cutoff - first_ms) / (last_ms - first_ms) or cutoff > first_ms and 1 or 0
        local late = math.max(0, ready * math.max(0, math.min(1, part)) - looked)
        context.rest[class] = context.rest[class] + late * context.seen[class] / context.entries
    end
end

local function look_at_stream(context, key)
    local info = group_info(key)
    local from, cutoff = info and info['last-delivered-id'] or '0-0', context.now - context.least_wait
    local before, first_ms = context.entries, nil
    while true do
        local page = page_size(context)
        if page < 1 then
            return estimate_rest(context, key, info and info.pending or 0, first_ms, context.entries - before)
        end
        local found = redis.call('XRANGE', key, '(' .. from, int(cutoff), 'COUNT', page)
        for i = 1, #found do look(context, found[i]) end
        if #found < page then return end
        first_ms = first_ms or tonumber(string.match(found[1][1], '^%d+'))
        from = found[#found][1]
    end
end

-- While a queue is paused its jobs do not count as waiting.
local function late_jobs(keys, now)
    local paused = tonumber(redis.call('HGET', keys.meta, 'paused_ms') or '')
    local context = {
        now = paused and math.min(paused, now) or now, class = SLO.class_of(keys, {}), waits = {}, is_exact = true,
        late = { 0, 0, 0, 0 }, rest = { 0, 0, 0, 0 }, seen = { 0, 0, 0, 0 }, entries = 0, bytes = 0,
    }
    for class = 0, 3 do context.waits[class + 1] = SLO.target_of(keys, class) end
    context.least_wait = math.min(unpack(context.waits))
    -- A stream that is of another type holds no job that could be late.
    for i = 1, #CODES do pcall(look_at_stream, context, keys[CODES[i]]) end
    return context
end

local function slo(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local windows = {}
    for i = 1, #args do
        windows[i] = whole_number(args[i])
        if not windows[i] or windows[i] > WINDOW_MS_MAX then
            return redis.error_reply('INVALID window: got "' .. string.sub(args[i], 1, 100) .. '", allowed is 0 to '
                .. int(WINDOW_MS_MAX) .. ' ms')
        end
    end
    if #windows > WINDOWS_MAX then return redis.error_reply('INVALID slo: at most ' .. WINDOWS_MAX .. ' windows') end
    local now = now_ms()
    local reply, context = SLO.add_promises(keys, { int(now) }), late_jobs(keys, now)
    for class = 1, 4 do
        if #windows > 0 then
            local sums = read_counters(keys, SLO.CLASSES[class], windows, now)
            for w = 1, #windows do
                for i = 1, 4 do reply[#reply + 1] = int(sums[w][i]) end
            end
        end
        local late = context.late[class]
        reply[#reply + 1], reply[#reply + 2] = int(late), int(math.floor(late + context.rest[class]))
        reply[#reply + 1] = context.is_exact and '1' or '0'
    end
    return reply
end

redis.register_function{ function_name = 'pond_slo', callback = slo, flags = { 'no-writes' } }
