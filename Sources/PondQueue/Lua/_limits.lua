-- Exports: limits

-- Named limits: how often and how many at a time something outside may be called, by all workers together. Times are whole
-- microseconds of this server's clock. The keys, behind the limits' base (see `limits.base`):
--     :limits          hash  name or family (`tenant:*`) → count, period in µs, burst, at a time
--     :tat:NAME        the moment at which all that was admitted is paid for (GCRA's theoretical arrival time), and when that was
--                      written, in µs
--     :odd:NAME        what is out of the ordinary: what the other side said, failures, retries; missing while all is well
--     :leases:NAME     zset  queue and job → when it was last seen to run, in ms
--     :waiting:NAME    set of the queues in which jobs wait for it
--     :chart:DEFINITION  hash  minute:what → how many; what is a(dmitted), r(efused) or f(ailed)
-- A context lives for one call and keeps what it has read, so that many jobs of one limit cost one read and one write.

limits = {}

local NAMES_MAX = 4
local NAME_BYTES_MAX = 128
local COST_MAX = 1000000000
limits.TEXT_BYTES_MAX = 1024
local POINTED_BYTES_MAX = 65536
local PARSED_MAX = 1024
local FORGET_MS = 86400000
local ADVANCE_US_MAX = 315360000000000   -- ten years: what one job may cost
local THROTTLE_MS_MAX = 3600000
local CLOCK_US = 1000000        -- a clock that is further back than this was turned back
limits.LOOK_AGAIN_MS = 60000    -- nobody is told to come later than this, because a definition may change meanwhile
local LEASE_LOOK_MS = 5000      -- a lease that nobody has looked at for so long is looked at before it keeps a job waiting

-- The breaker and the retry budget, per name.
local WINDOW_MS = 10000
local ANSWERS_MIN = 20
local OPEN_MS = 1000
local STEP_MS = 500
local PROBES_MAX = 2048         -- a second; more is all
local RETRY_DEPOSIT, RETRY_PRICE, RETRY_A_MS, RETRY_KEPT = 150, 1000, 10, 100000   -- thousandths of a retry
-- What a limit learns when the other side says that it is too much.
local CUT, CUT_AGAIN_MS, LEARNED_MIN, LEARNED_A_SECOND = 0.7, 1000, 50, 20

-- On a cluster keys of another slot refuse themselves; there a queue has limits of its own.
local is_cluster

function limits.base(keys)
    if keys.limits_base then return keys.limits_base end
    local shared = (string.match(keys.base, '^(.*){') or '') .. '{limits}'
    if is_cluster == nil and shared ~= keys.base then
        local reply = redis.pcall('EXISTS', shared .. ':limits')
        if is_error(reply) then
            if not string.find(reply.err, 'slot', 1, true) and not string.find(reply.err, 'non local', 1, true) then
                error(reply)
            end
            is_cluster = true
        else
            is_cluster = false
        end
    end
    keys.limits_base = is_cluster and keys.base or shared
    return keys.limits_base
end

-- A context for this call.
function limits.open(keys, now)
    local time = redis.call('TIME')
    return {
        keys = keys, base = limits.base(keys), now = now, us = tonumber(time[1]) * 1000000 + tonumber(time[2]),
        found = {}, kinds = {}, chart = {}, rung = {}, grants = {},
    }
end

-- What a job needs

local parsed, parsed_count = {}, 0

local function cleaned(value)
    if value == nil or value == '' or type(value) == 'table' or value == cjson.null then return 'none' end
    if type(value) == 'number' then
        value = value == math.floor(value) and value > -1e15 and value < 1e15 and string.format('%d', value) or tostring(value)
    end
    return string.sub(string.gsub(tostring(value), '[^A-Za-z0-9._-]', '_'), 1, NAME_BYTES_MAX)
end

local function pointed(data, pointer)
    if not data or #data > POINTED_BYTES_MAX then return nil end
    local ok, value = pcall(cjson.decode, data)
    if not ok then return nil end
    for step in string.gmatch(pointer, '/([^/]*)') do
        if type(value) ~= 'table' then return nil end
        step = string.gsub(string.gsub(step, '~1', '/'), '~0', '~')
        if value[step] == nil and string.find(step, '^%d+$') then value = value[tonumber(step) + 1] else value = value[step] end
    end
    return value
end

local function filled(text, fields)
    return (string.gsub(text, '{([^{}]*)}', function(name)
        if string.sub(name, 1, 1) == '/' then return cleaned(pointed(field(fields, 'data'), name)) end
        return cleaned(field(fields, name))
    end))
end

-- One name and its cost, or nil and what is wrong.
local function need_of(word)
    local name, cost = string.match(word, '^%s*([^@%s]+)@([^@%s]*)%s*$')
    if not name then name, cost = string.match(word, '^%s*([^@%s]+)%s*$'), '1' end
    if not name or #name > NAME_BYTES_MAX or not string.find(name, '^[A-Za-z0-9][A-Za-z0-9._:/-]*$') then
        return nil, 'INVALID limit: got "' .. clipped(word, 100) .. '", allowed is [A-Za-z0-9][A-Za-z0-9._:/-]{0,127}, '
            .. 'with a cost behind @ if it is not 1'
    end
    -- What a payload does not say costs one.
    local number = cost == 'none' and 1 or whole_number(cost)
    if not number or number > COST_MAX then
        return nil, 'INVALID limit: got the cost "' .. clipped(cost, 100) .. '", allowed is 1 to ' .. int(COST_MAX)
    end
    return { name = name, cost = math.max(1, number) }
end

local function parse(text)
    local needs, seen = {}, {}
    for word in string.gmatch(text .. ',', '([^,]*),') do
        local need, wrong = need_of(word)
        if not need then return nil, wrong end
        if not seen[need.name] then
            seen[need.name] = true
            needs[#needs + 1] = need
        end
    end
    if #needs > NAMES_MAX then
        return nil, 'INVALID limit: got ' .. #needs .. ' names, allowed are ' .. NAMES_MAX
    end
    local names = {}
    for i = 1, #needs do names[i] = needs[i].name end
    needs.lane = table.concat(names, ',')
    return needs
end

-- Why a text that stands in a job cannot name its limits, nil when it can.
function limits.wrong_text(text)
    if #text > limits.TEXT_BYTES_MAX then
        return 'INVALID limit: got ' .. #text .. ' bytes, allowed are ' .. limits.TEXT_BYTES_MAX
    end
    local _, wrong = parse((string.gsub(text, '{[^{}]*}', '0')))
    return wrong
end

-- The limits that a text names; nil when it names none, or cannot be read, because a job must not stand still for that.
function limits.needs_of_text(text, fields)
    if text == '' or #text > limits.TEXT_BYTES_MAX then return nil end
    local known = parsed[text]
    if known then return known end
    local needs
    if string.find(text, '{', 1, true) then
        needs = parse(filled(text, fields))
    else
        needs = parse(text)
        if parsed_count >= PARSED_MAX then parsed, parsed_count = {}, 0 end
        if needs then parsed[text], parsed_count = needs, parsed_count + 1 end
    end
    return needs
end

-- The limits of a job: those of its field, else those of its kind.
function limits.needs(context, fields)
    local text = field(fields, 'limit')
    if not text then
        local kind = field(fields, 'kind') or ''
        text = context.kinds[kind]
        if text == nil then
            text = redis.call('HGET', context.keys.needs, kind) or ''
            context.kinds[kind] = text
        end
    end
    return limits.needs_of_text(text, fields)
end

-- Definitions and states

local definitions, definition_count = {}, 0

function limits.read_definition(text)
    local known = definitions[text]
    if known then return known end
    local count, period, burst, most = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
    if not count then return nil end
    local definition = {
        count = tonumber(count), period = tonumber(period), burst = tonumber(burst), most = tonumber(most),
    }
    -- Rounded against the caller, so that no window ever holds more than it may.
    if definition.count > 0 then definition.interval = math.ceil(definition.period / definition.count) end
    if definition_count >= PARSED_MAX then definitions, definition_count = {}, 0 end
    definitions[text], definition_count = definition, definition_count + 1
    return definition
end

-- The definition of a name, and under what it is defined: itself, or its family.
function limits.define(base, name)
    local own = redis.call('HGET', base .. ':limits', name)
    if own then return limits.read_definition(own), name end
    local stem = string.match(name, '^(.*[:/])[^:/]+$')
    local family = stem and stem .. '*'
    local text = family and redis.call('HGET', base .. ':limits', family)
    if text then return limits.read_definition(text), family end
    return nil
end

local function read_odd(text)
    if not text then return nil end
    local ok, odd = pcall(cmsgpack.unpack, text)
    return ok and type(odd) == 'table' and odd or nil
end

-- A clock that was turned back must not make a limit wait until it has caught up.
local function read_tat(text, us)
    local tat, at = string.match(text or '', '^(%d+) (%d+)$')
    if not tat then return 0 end
    tat, at = tonumber(tat), tonumber(at)
    return at > us + CLOCK_US and tat - (at - us) or tat
end

-- A limit as it stands, false for a name that nobody has defined.
function limits.look(context, name)
    local limit = context.found[name]
    if limit ~= nil then return limit end
    local definition, defined_as = limits.define(context.base, name)
    if not definition then
        context.found[name] = false
        return false
    end
    local state = redis.call('MGET', context.base .. ':tat:' .. name, context.base .. ':odd:' .. name)
    limit = {
        name = name, as = defined_as, definition = definition, tat = read_tat(state[1], context.us), odd = read_odd(state[2]),
    }
    context.found[name] = limit
    return limit
end

local function odd_of(limit)
    if not limit.odd then limit.odd = {} end
    limit.is_odd_changed = true
    return limit.odd
end

-- What part of its rate a limit may use, in thousandths: less for a while after the other side said that it was too much.
function limits.learned(odd, now)
    if not odd or not odd.learned then return 1000 end
    return math.min(1000, math.floor(odd.learned + math.max(0, now - odd.learned_at) * LEARNED_A_SECOND / 1000))
end

local function interval_of(limit, now)
    local learned = limits.learned(limit.odd, now)
    if learned >= 1000 then return limit.definition.interval end
    return math.ceil(limit.definition.interval * 1000 / learned)
end

-- Takes away a lease whose job has left its worker without anybody saying so. Returns whether it did.
local function end_forgotten_lease(context, limit)
    local leases = context.base .. ':leases:' .. limit.name
    local oldest = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')
    local seen = tonumber(oldest[2] or '')
    if not seen or (seen > context.now - LEASE_LOOK_MS and seen <= context.now) then return false end
    local base, id = string.match(oldest[1], '^(%S+) (.+)$')
    local keys = base and keys_of(base)
    if keys and places.key_state(keys, id) == 'running' then
        redis.call('ZADD', leases, int(context.now), oldest[1])
        return false
    end
    redis.call('ZREM', leases, oldest[1])
    return true
end

local function running_of(context, limit)
    if not limit.running then
        limit.running = redis.call('ZCARD', context.base .. ':leases:' .. limit.name)
    end
    return limit.running
end

-- How many retries may go, in thousandths.
local function retries_of(odd, now)
    if not odd or not odd.retries then return RETRY_KEPT end
    return math.min(RETRY_KEPT, odd.retries + math.max(0, now - odd.retried_at) * RETRY_A_MS)
end

-- Why a job may not go by this limit now, and when it may (ms); nil when it may.
local function refusal(context, limit, cost, is_retry)
    local odd, now, definition = limit.odd, context.now, limit.definition
    if odd then
        local until_ms, probe = odd.until_ms, odd.next_probe
        if until_ms and until_ms > now and until_ms <= now + THROTTLE_MS_MAX then return 'throttled', until_ms end
        if odd.probes and probe > now and probe <= now + 2 * OPEN_MS then return 'breaker_open', probe end
        local retries = is_retry and retries_of(odd, now) or RETRY_PRICE
        if retries < RETRY_PRICE then return 'brownout', now + math.ceil((RETRY_PRICE - retries) / RETRY_A_MS) end
    end
    if definition.most > 0 and running_of(context, limit) >= definition.most then
        if context.is_read_only or not end_forgotten_lease(context, limit) then
            return 'concurrency_limited', now + LEASE_LOOK_MS
        end
        limit.running = limit.running - 1
    end
    if definition.interval then
        local interval = interval_of(limit, now)
        local needed = math.min(cost, definition.burst) * interval
        local wait = math.max(limit.tat, context.us) + needed - definition.burst * interval - context.us
        if wait > 0 then return 'rate_limited', now + math.ceil(wait / 1000) end
    end
    return nil
end

-- How many jobs of cost 1 a limit has room for now, by its numbers alone.
function limits.room(context, name)
    local limit, room = limits.look(context, name), math.huge
    if not limit then return room end
    local definition = limit.definition
    if definition.most > 0 then room = math.max(0, definition.most - running_of(context, limit)) end
    if definition.interval then
        local interval = interval_of(limit, context.now)
        local owed = math.max(0, limit.tat - context.us)
        room = math.min(room, math.max(0, math.floor(definition.burst - owed / interval)))
    end
    return room
end

-- Why a job may not go now: the reason, the limit's name and when to look again (ms); nil when it may. Of several limits the
-- one that lasts longest.
function limits.refusal(context, needs, is_retry)
    local reason, name, due
    for i = 1, #needs do
        local limit = limits.look(context, needs[i].name)
        if limit then
            local why, at = refusal(context, limit, needs[i].cost, is_retry)
            if why and (not due or at > due) then reason, name, due = why, limit.name, at end
        end
    end
    return reason, name, due and math.min(due, context.now + limits.LOOK_AGAIN_MS)
end

function limits.count(context, limit, what)
    local row = context.chart[limit.as]
    if not row then
        row = {}
        context.chart[limit.as] = row
    end
    row[what] = (row[what] or 0) + 1
end

local function member(keys, id) return keys.base .. ' ' .. id end

-- Takes all that a job needs; the caller has seen that it may. What it holds is written down at the end of the call.
function limits.take(context, needs, is_retry, keys, id)
    local names = nil
    for i = 1, #needs do
        local limit = limits.look(context, needs[i].name)
        if limit then
            local definition, odd = limit.definition, limit.odd
            names = names and names .. ',' .. limit.name or limit.name
            if definition.most > 0 then
                local added = redis.call('ZADD', context.base .. ':leases:' .. limit.name, int(context.now), member(keys, id))
                limit.running = (limit.running or running_of(context, limit) - added) + added
            end
            if definition.interval then
                local advance = math.min(needs[i].cost * interval_of(limit, context.now), ADVANCE_US_MAX)
                limit.tat, limit.is_changed = math.max(limit.tat, context.us) + advance, true
            end
            if odd and odd.probes then
                odd_of(limit).next_probe = context.now + math.ceil(1000 / odd.probes)
            end
            if is_retry then
                odd = odd_of(limit)
                odd.retries, odd.retried_at = retries_of(odd, context.now) - RETRY_PRICE, context.now
            elseif odd and odd.retries then
                odd_of(limit).retries = math.min(RETRY_KEPT, odd.retries + RETRY_DEPOSIT)
            end
            limits.count(context, limit, 'a')
        end
    end
    if not names then return end
    local grants = context.grants
    grants[#grants + 1], grants[#grants + 2] = id, names
end

-- What became of calls

local function fail(odd, now)
    if not odd.since or now - odd.since > WINDOW_MS then odd.since, odd.done, odd.failed = now, 0, 0 end
    odd.failed = odd.failed + 1
    if odd.probes then
        odd.probes, odd.raised = math.max(1, math.floor(odd.probes / 2)), now
        if odd.probes == 1 then odd.next_probe = math.max(odd.next_probe, now + OPEN_MS) end
    elseif odd.failed + odd.done >= ANSWERS_MIN and odd.failed >= odd.done then
        odd.probes, odd.next_probe, odd.raised, odd.opened = 1, now + OPEN_MS, now, now
    end
end

local function succeed(odd, now)
    odd.done = odd.done + 1
    if not odd.probes then
        -- The window is over; what is well need not be counted.
        if now - odd.since > WINDOW_MS then odd.since = nil end
        return
    end
    if now - odd.raised < STEP_MS then return end
    odd.probes, odd.raised = odd.probes * 2, now
    odd.next_probe = math.min(odd.next_probe, now)
    if odd.probes > PROBES_MAX then
        odd.probes, odd.next_probe, odd.opened, odd.since = nil, nil, nil, nil
    end
end

local function throttle(odd, now, ms)
    odd.until_ms = math.max(odd.until_ms or 0, now + math.min(ms, THROTTLE_MS_MAX))
    if odd.cut_at and now - odd.cut_at < CUT_AGAIN_MS then return end
    odd.learned = math.max(LEARNED_MIN, math.floor(limits.learned(odd, now) * CUT))
    odd.learned_at, odd.cut_at = odd.until_ms, now
end

-- Hears what became of a call: done, failed, or throttled for so many ms.
function limits.tell(context, name, word, ms)
    local limit = limits.look(context, name)
    if not limit then return end
    if word == 'done' then
        if limit.odd and limit.odd.since then succeed(odd_of(limit), context.now) end
    elseif word == 'failed' then
        fail(odd_of(limit), context.now)
        limits.count(context, limit, 'f')
    elseif word == 'throttled' then
        throttle(odd_of(limit), context.now, ms or 0)
        limits.count(context, limit, 'f')
    end
end

-- The truth about a cost that was taken by estimate.
function limits.adjust(context, name, cost, actual)
    local limit = limits.look(context, name)
    if not limit or not limit.definition.interval then return end
    local difference = (actual - cost) * interval_of(limit, context.now)
    difference = math.max(-ADVANCE_US_MAX, math.min(difference, ADVANCE_US_MAX))
    limit.tat, limit.is_changed = math.max(0, math.max(limit.tat, context.us) + difference), true
    if difference < 0 then limits.ring(context, name) end
end

-- Tells the queues in which jobs wait for a limit that it has room, or may have.
function limits.ring(context, name)
    if context.rung[name] then return end
    context.rung[name] = true
    local queues = redis.call('SMEMBERS', context.base .. ':waiting:' .. name)
    for i = 1, #queues do
        local keys = keys_of(queues[i])
        if keys and redis.call('ZADD', keys.blocked, 'XX', 'CH', int(context.now), name) == 1 then
            wake_one(keys, context.now)
        end
    end
end

local function give_back(context, keys, id, held, word, ms)
    for name in string.gmatch(held, '[^,]+') do
        local limit = limits.look(context, name)
        -- Of a limit without a definition it may have a lease from before.
        if not limit or limit.definition.most > 0 then limits.give(context, keys, id, name) end
        if word then limits.tell(context, name, word, ms) end
    end
end

-- Gives back what jobs held that are no longer in flight. Of each three values: its id, and what became of it, as `tell` takes
-- it; false for nothing.
function limits.release(context, keys, ends)
    local ids = {}
    for i = 1, #ends, 3 do ids[#ids + 1] = ends[i] end
    if #ids == 0 then return end
    local held, found = redis.call('HMGET', keys.granted, unpack(ids)), {}
    for i = 1, #held do
        if held[i] then found[#found + 1] = ids[i] end
    end
    if #found == 0 then return end
    redis.call('HDEL', keys.granted, unpack(found))
    for i = 1, #held do
        if held[i] then give_back(context, keys, ids[i], held[i], ends[3 * i - 1], ends[3 * i]) end
    end
end

-- Ends one lease of a job.
function limits.give(context, keys, id, name)
    if redis.call('ZREM', context.base .. ':leases:' .. name, member(keys, id)) == 0 then return false end
    limits.ring(context, name)
    return true
end

-- The end of a context: what has changed is written down.

local function trim_chart(key, minute)
    local fields = redis.call('HKEYS', key)
    for i = 1, #fields do
        local at = tonumber(string.match(fields[i], '^%d+') or '')
        if not at or at <= minute - 60 then redis.call('HDEL', key, fields[i]) end
    end
    redis.call('PEXPIRE', key, FORGET_MS)
end

local function write_chart(context)
    local minute = math.floor(context.now / 60000)
    for as, row in pairs(context.chart) do
        local key = context.base .. ':chart:' .. as
        for what, count in pairs(row) do
            if redis.call('HINCRBY', key, int(minute) .. ':' .. what, count) == count then trim_chart(key, minute) end
        end
    end
end

function limits.close(context)
    if #context.grants > 0 then redis.call('HSET', context.keys.granted, unpack(context.grants)) end
    for name, limit in pairs(context.found) do
        if limit and limit.is_changed then
            -- Once it is paid for, nothing is left to remember.
            local ms = math.max(1000, math.ceil((limit.tat - context.us) / 1000))
            redis.call('SET', context.base .. ':tat:' .. name, int(limit.tat) .. ' ' .. int(context.us), 'PX', int(ms))
        end
        if limit and limit.is_odd_changed then
            local ms = math.max(0, (limit.odd.until_ms or 0) - context.now) + limits.LOOK_AGAIN_MS
            redis.call('SET', context.base .. ':odd:' .. name, cmsgpack.pack(limit.odd), 'PX', int(ms))
        end
    end
    write_chart(context)
end

-- A job has left its worker. For moves of single jobs; whoever settles many has a context of its own.
function limits.left_flight(keys, id, now)
    if redis.pcall('HEXISTS', keys.granted, id) ~= 1 then return end
    local context = limits.open(keys, now)
    limits.release(context, keys, { id, false, false })
    limits.close(context)
end
