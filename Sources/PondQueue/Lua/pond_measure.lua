-- Adds what a worker measured to the histograms of the classes' times, and tells what the classes are promised.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  a text a histogram (at most 16, none only asks): class  metric  bucket  count  bucket  count …, a space
--               between; metric is wait, run, runfail (of tries that failed) or total, a bucket is 0 to 116
-- returns  {now_ms, the queue's class or '', and for A to D: wait ms, total ms, objective and success, a space between, or ''}

local HISTOGRAMS_MAX = 16
local METRICS = { wait = true, run = true, runfail = true, total = true }
local COUNT_MOST = 4294967295
-- Each time is counted by the minute, by ten minutes and by the hour, and kept as long as reports look at it so closely.
local TIERS = {
    { name = '1m', slot_ms = 60000, kept_ms = 3 * 3600000 },
    { name = '10m', slot_ms = 600000, kept_ms = 3 * 86400000 },
    { name = '1h', slot_ms = 3600000, kept_ms = 30 * 86400000 },
}

-- Class, metric and the words of a BITFIELD; nil when the text is of another form.
local function read_histogram(text)
    local class, metric, rest = string.match(text, '^([ABCD]) (%l+) ([%d ]+)$')
    if not class or not METRICS[metric] then return nil end
    -- The last bucket is always named, so that a new key has all its room at once and does not grow into twice of it.
    local words = { 'OVERFLOW', 'SAT', 'INCRBY', 'u32', '#' .. SLO.BUCKETS - 1, '0' }
    for bucket, count in string.gmatch(rest, '(%d+) (%d+)') do
        local at, number = whole_number(bucket), whole_number(count)
        if not at or at >= SLO.BUCKETS or not number or number > COUNT_MOST then return nil end
        local last = #words
        words[last + 1], words[last + 2], words[last + 3], words[last + 4] = 'INCRBY', 'u32', '#' .. int(at), count
    end
    return class, metric, words
end

-- Histograms are for looking: one that cannot be written fails nothing.
local function write_histogram(keys, class, metric, words, now)
    for i = 1, #TIERS do
        local tier = TIERS[i]
        local key = keys.slo .. class .. ':' .. metric .. ':' .. tier.name .. ':' .. int(math.floor(now / tier.slot_ms))
        if not is_error(redis.pcall('BITFIELD', key, unpack(words))) then
            redis.pcall('PEXPIREAT', key, int(now + tier.kept_ms))
        end
    end
end

local function measure(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local now = now_ms()
    if #args > HISTOGRAMS_MAX then return redis.error_reply('INVALID measure: at most ' .. HISTOGRAMS_MAX .. ' histograms') end
    for i = 1, #args do
        local class, metric, words = read_histogram(args[i])
        if not class then
            return redis.error_reply('INVALID measure: got "' .. string.sub(args[i], 1, 100)
                .. '", expected a class, a metric and pairs of bucket and count, as in: B wait 12 3')
        end
        write_histogram(keys, class, metric, words, now)
    end
    return SLO.add_promises(keys, { int(now) })
end

redis.register_function{ function_name = 'pond_measure', callback = measure, flags = { 'allow-oom' } }
