-- Reads the jobs of one place, a page: nothing is changed, and what a worker has in flight is left out.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the place: f, h, n or l for a ready stream, d for the held, x for the dead
--          2  the position behind which to begin, '' for the start   3  the last position: an entry, or for the dead a
--             time, '' for none   4  how many jobs to look at (1 … 500); fewer are when they are large
-- returns  {1 while there may be more, else 0; position of the last one looked at; how many of them are in flight}, then
--          for each job {position, id, h n or l, due_ms or died_ms or '', cause, error, number of fields, field, value, …}
--          A position is an entry of a stream, and TIME:ID elsewhere.

local PAGE_MAX = 500
local PAGE_BYTES_MAX = 1048576
local ENTRIES_AT_ONCE = 8   -- a payload may have a MiB

local function add(page, position, id, code, fields, facts)
    local reply, fields = page.reply, bounded(fields)
    for _, word in ipairs({
        position, id, code, facts.time or '', facts.cause or '', facts.error or '', int(math.floor(#fields / 2)),
    }) do reply[#reply + 1] = tostring(word) end
    for i = 1, 2 * math.floor(#fields / 2) do
        -- What is held was not always packed by this library.
        local word = tostring(fields[i])
        reply[#reply + 1] = word
        page.bytes = page.bytes + #word
    end
end

local function is_full(page, limit)
    return page.looked >= limit or page.bytes >= PAGE_BYTES_MAX
end

-- Entries of a range that some worker has, as a set.
local function in_flight(key, entries)
    local found = {}
    local reply = redis.pcall('XPENDING', key, GROUP, entries[1][1], entries[#entries][1], #entries)
    if is_error(reply) then
        -- Without a group nothing is in flight; anything else would pass off running jobs as waiting ones.
        if not string.find(reply.err, '^NOGROUP') then error(reply) end
        return found
    end
    -- What a limit holds waits.
    for i = 1, #reply do found[reply[i][1]] = reply[i][2] ~= PARKER or nil end
    return found
end

local function export_stream(keys, page, code, last, limit)
    while not is_full(page, limit) do
        local first = page.position == '' and '-' or '(' .. page.position
        local count = math.min(ENTRIES_AT_ONCE, limit - page.looked)
        local entries = redis.call('XRANGE', keys[code], first, last, 'COUNT', count)
        if #entries == 0 then return false end
        local owned = in_flight(keys[code], entries)
        for i = 1, #entries do
            local entry, fields = entries[i][1], entries[i][2]
            page.looked, page.position = page.looked + 1, entry
            if owned[entry] then
                page.in_flight = page.in_flight + 1
            else
                local id = job_id(keys, code, entry, fields)
                add(page, entry, id, code == 'f' and home_code(id) or code, fields, {})
            end
        end
    end
    return true
end

-- Whether a text comes behind another in the order of a sorted set: that of its bytes, whatever the server's locale.
local function is_behind(text, other)
    for i = 1, math.min(#text, #other) do
        local a, b = string.byte(text, i), string.byte(other, i)
        if a ~= b then return a > b end
    end
    return #text > #other
end

-- The rank behind a position whose member may be gone: found by halves, as many may have the same time.
local function rank_behind(set, position)
    if position == '' then return 0 end
    local time, id = string.match(position, '^(%d+):(.*)$')
    if not time then return nil end
    local low, high = redis.call('ZCOUNT', set, '-inf', '(' .. time), redis.call('ZCOUNT', set, '-inf', time)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if is_behind(redis.call('ZRANGE', set, middle, middle)[1], id) then high = middle else low = middle + 1 end
    end
    return low
end

local function export_set(keys, page, place, last, limit)
    local set = keys[place.set]
    local rank = rank_behind(set, page.position)
    if not rank then return nil end
    while not is_full(page, limit) do
        local member = redis.call('ZRANGE', set, int(rank), int(rank), 'WITHSCORES')
        local id, time = member[1], member[2] and int(tonumber(member[2]))
        if not id or (last ~= '' and tonumber(time) > tonumber(last)) then return false end
        rank, page.looked, page.position = rank + 1, page.looked + 1, time .. ':' .. id
        local fields, facts = place.read(keys, id)
        if fields then
            facts.time = time
            add(page, page.position, id, home_code(id), fields, facts)
        end
    end
    return true
end

-- The place that has this code, or nil and all codes.
local function place_of(code)
    local all = ''
    for i = 1, #places.ALL do
        local place = places.ALL[i]
        if #code == 1 and string.find(place.codes, code, 1, true) then return place end
        all = all .. place.codes
    end
    return nil, all
end

local function export(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local code, position, last, limit = args[1] or '', args[2] or '', args[3] or '', whole_number(args[4])
    if not limit or limit < 1 or limit > PAGE_MAX then
        return redis.error_reply('INVALID page: expected place, position, last and a limit of 1 to ' .. PAGE_MAX)
    end
    local page = { reply = { '', '', '' }, position = position, looked = 0, in_flight = 0, bytes = 0 }
    local place, all = place_of(code)
    if not place then return redis.error_reply('INVALID place: expected one of ' .. all) end
    local more
    if place.set then
        more = export_set(keys, page, place, last, limit)
    else
        more = export_stream(keys, page, code, last == '' and '+' or last, limit)
    end
    if more == nil then return redis.error_reply('INVALID position: expected TIME:ID') end
    page.reply[1], page.reply[2], page.reply[3] = more and '1' or '0', page.position, int(page.in_flight)
    return page.reply
end

redis.register_function{ function_name = 'pond_export', callback = export, flags = { 'no-writes' } }
