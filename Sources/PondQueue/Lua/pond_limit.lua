-- Named limits: their definitions, what they admitted, and calls of running jobs.
-- KEYS     1  where limits are: PREFIX:{limits}, on a cluster the queue
-- ARGV     set NAME COUNT PERIOD_MS BURST AT_A_TIME   (0 for no rate, 0 for no bound at a time)
--                                           returns {'set'} · {'changed'}
--          clear NAME                       returns {'cleared'} · {'unknown'}
--          list                             returns a row a limit: names and values, see `row_of`
--          show NAME                        returns such a row, behind it 'minutes', n, and for each minute its time in ms and
--                                           what was admitted, refused and failed; {} when nothing defines it
--          take TEXT QUEUE ID ATTEMPT       (a running job asks for more)   returns {'granted'} · {'wait', ms, reason, name}
--          give NAME QUEUE ID               returns {'given'} · {'none'}
--          tell TEXT done|failed|throttled [MS]   returns {'told'}
--          adjust NAME COST ACTUAL          returns {'adjusted'}: of what was taken by estimate, the truth
--          where NAME may be a family, as tenant:*, and QUEUE is mp:{q}

local LIMITS_MAX = 1000
local COUNT_A_LIMIT, PERIOD_MS_MAX, BURST_MAX, AT_A_TIME_MAX = 1000000, 366 * 86400000, 1000000, 100000
local INTERVAL_US_MIN = 100
local COST_MAX = 1000000000

local function invalid(name, given, allowed)
    return redis.error_reply('INVALID ' .. name .. ': got "' .. clipped(given or '', 100) .. '", allowed is ' .. allowed)
end

local function check_name(name)
    if name and #name <= 128 and string.find(name, '^[A-Za-z0-9][A-Za-z0-9._:/-]*$') then return nil end
    if name and #name <= 128 and string.find(name, '^[A-Za-z0-9][A-Za-z0-9._:/-]*[:/]%*$') then return nil end
    return invalid('limit', name, '[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}, or a family, as tenant:*')
end

local function within(text, most)
    local number = whole_number(text)
    return number and number <= most and number or nil
end

local function set(context, args)
    local name = args[2]
    local count, period = within(args[3], COUNT_A_LIMIT), within(args[4], PERIOD_MS_MAX)
    local burst, most = within(args[5], BURST_MAX), within(args[6], AT_A_TIME_MAX)
    if not count then return invalid('count', args[3], '0 to ' .. int(COUNT_A_LIMIT)) end
    if not period or (count > 0 and period == 0) then return invalid('period', args[4], '1 to ' .. int(PERIOD_MS_MAX) .. ' ms') end
    if not burst or (count > 0 and burst == 0) then return invalid('burst', args[5], '1 to ' .. int(BURST_MAX)) end
    if not most then return invalid('at a time', args[6], '0 to ' .. int(AT_A_TIME_MAX)) end
    if count > 0 and period * 1000 / count < INTERVAL_US_MIN then
        return invalid('rate', args[3] .. ' in ' .. args[4] .. ' ms', 'at most 10000 a second')
    end
    local key = context.base .. ':limits'
    local is_new = redis.call('HEXISTS', key, name) == 0
    if is_new and redis.call('HLEN', key) >= LIMITS_MAX then
        return redis.error_reply('INVALID limit: there are ' .. LIMITS_MAX .. ' limits already; clear one that nobody uses')
    end
    redis.call('HSET', key, name, int(count) .. ' ' .. int(period * 1000) .. ' ' .. int(burst) .. ' ' .. int(most))
    limits.ring(context, name)
    return { is_new and 'set' or 'changed' }
end

local function clear(context, args)
    if redis.call('HDEL', context.base .. ':limits', args[2]) == 0 then return { 'unknown' } end
    redis.call('DEL', context.base .. ':tat:' .. args[2], context.base .. ':odd:' .. args[2], context.base .. ':chart:' .. args[2])
    limits.ring(context, args[2])
    return { 'cleared' }
end

-- What a limit does just now, and until when.
local function state_of(limit, now)
    local odd = limit.odd
    if not odd then return 'ok', '' end
    if odd.until_ms and odd.until_ms > now then return 'throttled', int(odd.until_ms) end
    if odd.probes then return odd.probes == 1 and 'open' or 'half_open', int(odd.next_probe) end
    if odd.retries and odd.retries + (now - odd.retried_at) * 10 < 1000 then return 'brownout', '' end
    return 'ok', ''
end

-- The minutes of a definition's chart, as minute → what → how many.
local function minutes_of(context, name)
    local found, flat = {}, redis.call('HGETALL', context.base .. ':chart:' .. name)
    for i = 1, #flat, 2 do
        local minute, what = string.match(flat[i], '^(%d+):(%l)$')
        if minute then
            found[minute] = found[minute] or {}
            found[minute][what] = tonumber(flat[i + 1])
        end
    end
    return found
end

local function row_of(context, name, definition, limit, minutes)
    local sums, from = { a = 0, r = 0, f = 0 }, math.floor(context.now / 60000) - 60
    for minute, row in pairs(minutes) do
        if tonumber(minute) > from then
            for what, count in pairs(row) do sums[what] = (sums[what] or 0) + count end
        end
    end
    local state, ends = 'ok', ''
    if limit then state, ends = state_of(limit, context.now) end
    return {
        'name', name, 'count', int(definition.count), 'period_ms', int(definition.period / 1000), 'burst', int(definition.burst),
        'at_a_time', int(definition.most), 'state', state, 'learned', int(limit and limits.learned(limit.odd, context.now) or 1000),
        'until_ms', ends, 'running', int(redis.call('ZCARD', context.base .. ':leases:' .. name)),
        'admitted', int(sums.a), 'refused', int(sums.r), 'failed', int(sums.f),
    }
end

local function list(context)
    local rows, flat = {}, redis.call('HGETALL', context.base .. ':limits')
    local names = {}
    for i = 1, #flat, 2 do names[#names + 1] = flat[i] end
    table.sort(names)
    for i = 1, #names do
        local limit = limits.look(context, names[i])
        if limit then rows[#rows + 1] = row_of(context, names[i], limit.definition, limit, minutes_of(context, names[i])) end
    end
    return rows
end

local function show(context, args)
    local limit = limits.look(context, args[2])
    if not limit then return {} end
    local minutes, times = minutes_of(context, limit.as), {}
    local row = row_of(context, args[2], limit.definition, limit, minutes)
    for minute in pairs(minutes) do times[#times + 1] = tonumber(minute) end
    table.sort(times)
    row[#row + 1], row[#row + 2] = 'minutes', int(#times)
    for i = 1, #times do
        local found = minutes[int(times[i])]
        for _, word in ipairs({ times[i] * 60000, found.a or 0, found.r or 0, found.f or 0 }) do row[#row + 1] = int(word) end
    end
    return row
end

local function job_of(args)
    local keys, wrong_key = keys_of(args[3])
    if not keys then return nil, nil, wrong_key end
    if not args[4] or args[4] == '' or #args[4] > 64 then return nil, nil, invalid('id', args[4], 'a job of the queue') end
    return keys, args[4]
end

-- What the job holds already is not taken twice, but a rate counts each call.
local function take(context, args)
    local wrong = limits.wrong_text(args[2])
    if wrong then return redis.error_reply(wrong) end
    local keys, id, wrong_job = job_of(args)
    if not keys then return wrong_job end
    local needs = limits.needs_of_text(args[2], {}) or {}
    local is_retry = (whole_number(args[5] or '') or 0) > 0
    local reason, name, due = limits.refusal(context, needs, is_retry)
    if reason then return { 'wait', int(math.max(1, due - context.now)), reason, name } end
    limits.take(context, needs, is_retry, keys, id)
    local taken = context.grants[2]
    context.grants = {}
    if taken then
        local held = redis.call('HGET', keys.granted, id)
        redis.call('HSET', keys.granted, id, held and held .. ',' .. taken or taken)
    end
    return { 'granted' }
end

local function give(context, args)
    local keys, id, wrong_job = job_of(args)
    if not keys then return wrong_job end
    return { limits.give(context, keys, id, args[2]) and 'given' or 'none' }
end

local TOLD = { done = true, failed = true, throttled = true }

local function tell(context, args)
    if not TOLD[args[3] or ''] then return invalid('word', args[3], 'done, failed or throttled') end
    local needs = limits.needs_of_text(args[2], {}) or {}
    for i = 1, #needs do limits.tell(context, needs[i].name, args[3], whole_number(args[4] or '')) end
    return { 'told' }
end

local function adjust(context, args)
    local cost, actual = within(args[3], COST_MAX), within(args[4], COST_MAX)
    if not cost or not actual then return invalid('cost', args[3], '0 to ' .. int(COST_MAX)) end
    limits.adjust(context, args[2], cost, actual)
    return { 'adjusted' }
end

local VERBS = { set = set, clear = clear, list = list, show = show, take = take, give = give, tell = tell, adjust = adjust }
local OF_A_NAME = { set = true, clear = true, show = true, give = true, adjust = true }

local function limit(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local verb = VERBS[args[1] or '']
    if not verb then return invalid('verb', args[1], 'set, clear, list, show, take, give, tell or adjust') end
    local wrong = OF_A_NAME[args[1]] and check_name(args[2])
    if wrong then return wrong end
    if (args[1] == 'take' or args[1] == 'tell') and not args[2] then return invalid('limit', '', 'the names of limits') end
    keys.limits_base = names[1]
    local context = limits.open(keys, now_ms())
    local reply = verb(context, args)
    limits.close(context)
    return reply
end

redis.register_function{ function_name = 'pond_limit', callback = limit, flags = { 'allow-oom' } }
