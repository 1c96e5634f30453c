-- Lists the groups of the dead: one for each root cause, the ones with the most dead first.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  '' for all, or the name of one group
-- returns  {now_ms, texts a group}, then for each group as many texts: group, dead now, dead ever, first_ms, last_ms, cause,
--          title, id of the last, error of the last, state (open · ignored · resolved · regressed), ignore_until_ms (0 for
--          none), the deaths of the last twelve five minutes (the oldest first, a space between), and each kind with its
--          number of dead (a space between; `*` for all kinds beyond the first eight)

local GROUP_WORDS = 13

local function text_of(value)
    return type(value) == 'number' and int(value) or tostring(value or '')
end

local function trend_text(trend, now)
    local moved, counts = grouping.trend(trend, now), {}
    for i = 1, grouping.TREND_STEPS do counts[i] = int(moved[grouping.TREND_STEPS + 2 - i]) end
    return table.concat(counts, ' ')
end

local function kinds_text(kinds)
    local words = {}
    for i = 1, #kinds do words[i] = text_of(kinds[i]) end
    return table.concat(words, ' ')
end

-- What people said of it may have run out meanwhile.
local function row_of(keys, group, summary, now)
    local state, until_ms = summary[8], grouping.number(summary[9])
    if state == 'ignored' and until_ms > 0 and until_ms <= now then state, until_ms = 'open', 0 end
    local dead = redis.pcall('ZCARD', keys.group .. group)
    return {
        group, is_error(dead) and '0' or int(dead), text_of(summary[1]), text_of(summary[2]), text_of(summary[3]),
        text_of(summary[4]), text_of(summary[5]), text_of(summary[6]), text_of(summary[7]), text_of(state), int(until_ms),
        trend_text(summary[11], now), kinds_text(summary[10]),
    }
end

local function groups(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now, rows = now_ms(), {}
    local wanted = args[1] or ''
    local ids = wanted ~= '' and { wanted } or redis.call('HKEYS', keys.groups)
    for i = 1, #ids do
        local summary = grouping.named({ [5] = ids[i] }) and grouping.summary(keys, ids[i])
        if summary then rows[#rows + 1] = row_of(keys, ids[i], summary, now) end
    end
    table.sort(rows, function(a, b)
        local x, y = tonumber(a[2]), tonumber(b[2])
        if x ~= y then return x > y end
        return a[1] < b[1]
    end)
    local reply = { int(now), int(GROUP_WORDS) }
    for i = 1, #rows do
        for j = 1, GROUP_WORDS do reply[#reply + 1] = rows[i][j] end
    end
    return reply
end

redis.register_function{ function_name = 'pond_groups', callback = groups, flags = { 'no-writes' } }
