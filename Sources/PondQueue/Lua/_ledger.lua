-- Exports: ledger

-- Budgets of intents, tenants and times, all in one slot, PREFIX:{budgets}, so that a reservation is made in all of them or in
-- none. Amounts are whole numbers below 2^53: micro-dollars, tokens, calls, retries, ms of CPU time. Of each budget
--     committed + reserved <= limit   whenever a reservation is granted
--     its journal's sums are its hash's: what is cut from the journal is added to the hash's `base:` fields first
-- A budget's name is intent:CORRELATION_ID, or one that is defined (tenant:acme, all), which has an instance a window:
-- tenant:acme@2026-11-30. An intent's reservations are made in its tenant's budget and in `all` too, where those are defined.

ledger = {}

local DIMS = { 'usd', 'tokens', 'calls', 'retries', 'cpu_ms' }
local AMOUNT_MAX = MONEY_MICROS_MAX
local SUM_MAX = 9007199254740991            -- 2^53 - 1: what a sum may hold
local BUDGET_NAME_BYTES_MAX = 512
local BUDGET_TEXT_BYTES_MAX = 1024
local RESERVATION_ID_BYTES_MAX = 512
local RESERVATIONS_MAX = 100000             -- of an intent that are not settled
local RESERVATION_MS_MAX = 86400000         -- the longest that one may last without a word
local BUDGET_LOG_MAX = 2048                 -- entries of a budget's journal
local LOG_FOLD = 256                        -- so many are cut at once
local SETTLED_KEPT_MS = 172800000           -- how long a settled reservation answers `same`, and can be adjusted
local BUDGET_IDLE_MS = 604800000            -- an intent that nobody touched for so long is closed, unless it says `keep`
local BUDGET_KEPT_MS = 604800000            -- how long a closed budget can be read
local BUDGET_LOOK_AGAIN_MS = 3600000
local EXPIRE_BESIDE = 4                     -- reservations past their time that each call looks at
ledger.DIMS, ledger.AMOUNT_MAX, ledger.EXPIRE_BESIDE = DIMS, AMOUNT_MAX, EXPIRE_BESIDE
ledger.RESERVATION_MS_MAX, ledger.RESERVATION_ID_BYTES_MAX = RESERVATION_MS_MAX, RESERVATION_ID_BYTES_MAX

function ledger.keys_of(base)
    base = base or ''
    if not string.find(base, '^[^{}]*{budgets}$') then
        return nil, redis.error_reply('INVALID budgets key: got "' .. string.sub(base, 1, 100)
            .. '", expected PREFIX:{budgets}, as in mp:{budgets}')
    end
    return {
        budget = base .. ':budget:', reserved = base .. ':reserved:', log = base .. ':log:', resting = base .. ':resting:',
        defs = base .. ':defs', open = base .. ':open', settled = base .. ':settled', ends = base .. ':ends',
        seen = base .. ':seen', counts = base .. ':counts',
    }
end

function ledger.count(keys, what, by) redis.call('HINCRBY', keys.counts, what, int(by or 1)) end

-- MARK: What a budget may spend, as text: usd=0.45,calls=20,tokens=100k,wall=1h,on_exhausted=pause,tenant=acme

local POLICIES = { fail = true, pause = true, ask = true, degrade = true }
local PERIODS = { hour = 13, day = 10, month = 7 }   -- and how much of a time's text names the window
local SPAN_MS = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000 }
local TIMES = { k = 1000, K = 1000, M = 1000000 }

-- Dollars with up to six decimals, exactly: no part of it is a fraction.
local function dollars(text)
    local whole, part = string.match(text, '^%$?(%d+)%.?(%d*)$')
    if not whole or #whole > 9 or #part > 6 then return nil end
    return tonumber(whole) * 1000000 + (tonumber(part .. string.rep('0', 6 - #part)) or 0)
end

local function counted(text)
    local digits, times = string.match(text, '^(%d+)([kKM]?)$')
    local number = whole_number(digits)
    return number and number * (TIMES[times] or 1)
end

local function span(text)
    local digits, unit = string.match(text, '^(%d+)(%a+)$')
    local number = whole_number(digits)
    return number and SPAN_MS[unit] and number * SPAN_MS[unit]
end

local READ = {
    usd = dollars, usd_micros = whole_number, tokens = counted, calls = counted, retries = counted,
    cpu = span, cpu_ms = whole_number, wall = span, wall_ms = whole_number, keep = span, keep_ms = whole_number,
}
local DIM_OF = { usd = 'usd', usd_micros = 'usd', tokens = 'tokens', calls = 'calls', retries = 'retries', cpu = 'cpu_ms',
    cpu_ms = 'cpu_ms' }
local ALLOWED = 'usd (or usd_micros), tokens, calls, retries, cpu (or cpu_ms), wall (or wall_ms), keep, undo_usd and the like, '
    .. 'on_exhausted and tenant, as in usd=0.45,calls=20,tokens=100k,wall=1h,on_exhausted=pause'

local function wrong_text(what) return nil, 'INVALID budget: ' .. what .. '; allowed is ' .. ALLOWED end

local function read_amount(def, name, value)
    local plain = string.match(name, '^undo_(.+)$')
    local dim, read = DIM_OF[plain or name], READ[plain or name]
    if not read or (plain and not dim) then return 'it has no "' .. string.sub(name, 1, 40) .. '"' end
    local amount = read(value)
    if not amount or amount > AMOUNT_MAX then
        return name .. ' is "' .. string.sub(value, 1, 40) .. '", which is no amount'
    end
    if plain then
        def.undo[dim] = amount
    elseif dim then
        def.limit[dim] = amount
    elseif amount < 1 or amount > DELAY_MS_MAX then
        return name .. ' is "' .. string.sub(value, 1, 40) .. '", which is no time of up to ten years'
    else
        def[string.sub(name, 1, 4)] = amount   -- wall or keep
    end
    return nil
end

-- Reads a budget's text. Returns a table, or nil and what is wrong with it.
function ledger.parse(text, allows_period)
    if #text > BUDGET_TEXT_BYTES_MAX then return wrong_text('it has ' .. #text .. ' bytes') end
    local def = { limit = {}, undo = {}, policy = 'fail' }
    for part in string.gmatch(text, '[^,]+') do
        local name, value = string.match(part, '^%s*([a-z_]+)%s*=%s*(.-)%s*$')
        if not name then return wrong_text('"' .. string.sub(part, 1, 40) .. '" is no NAME=VALUE') end
        local amount, period = string.match(value, '^(.-)/(%a+)$')
        if name == 'tenant' then
            if value == '' or #value > 128 or string.find(value, '[@%c%z]') then
                return wrong_text('tenant is no name of 1 to 128 bytes without @')
            end
            def.tenant = value
        elseif name == 'on_exhausted' then
            if not POLICIES[value] then return wrong_text('on_exhausted is none of fail, pause, ask and degrade') end
            def.policy = value
        else
            if period and not (allows_period and PERIODS[period] and (def.period or period) == period) then
                return wrong_text('"' .. string.sub(part, 1, 40) .. '" has a time; only what is defined for a tenant or for all '
                    .. 'has one, hour, day or month, and one alone')
            end
            def.period = def.period or period
            local wrong = read_amount(def, name, period and amount or value)
            if wrong then return wrong_text(wrong) end
        end
    end
    for dim, amount in pairs(def.undo) do
        if amount > (def.limit[dim] or 0) then return wrong_text('undo_' .. dim .. ' is more than its ' .. dim) end
    end
    return def
end

function ledger.wrong_name(name)
    if name and #name > 0 and #name <= BUDGET_NAME_BYTES_MAX and not string.find(name, '[%c%z]') then return nil end
    return redis.error_reply('INVALID budget name: got "' .. string.sub(name or '', 1, 100) .. '", allowed are 1 to '
        .. BUDGET_NAME_BYTES_MAX .. ' bytes without control characters, as in intent:CORRELATION_ID or tenant:acme')
end

-- MARK: The budget's hash and its journal

local function sums_of(hash, field_of)
    local sums = {}
    for i = 1, #DIMS do sums[i] = tonumber(hash[field_of .. DIMS[i]] or '') or 0 end
    return sums
end

function ledger.read(keys, name)
    local flat = redis.call('HGETALL', keys.budget .. name)
    if #flat == 0 then return nil end
    local hash = {}
    for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
    local budget = {
        name = name, hash = hash, limit = {}, state = hash.state, deadline = tonumber(hash.deadline_ms or ''),
        com = sums_of(hash, 'com:'), res = sums_of(hash, 'res:'), undo = sums_of(hash, 'undo:'), undone = sums_of(hash, 'undone:'),
    }
    for i = 1, #DIMS do
        -- A definition that was changed may have taken a limit away.
        if not hash['free:' .. DIMS[i]] then budget.limit[i] = tonumber(hash['limit:' .. DIMS[i]] or '') end
    end
    return budget
end

-- What of a budget is still kept for undoing.
local function kept(budget, i) return math.max(0, budget.undo[i] - budget.undone[i]) end
ledger.kept = kept

-- The oldest entries go, and what they say is added to the base, so that the sums stay.
local function fold(keys, name)
    local key, oldest = keys.log .. name, redis.call('XRANGE', keys.log .. name, '-', '+', 'COUNT', LOG_FOLD)
    local base = {}
    for i = 1, #oldest do
        local words = oldest[i][2]
        for j = 1, #words, 2 do
            if string.find(words[j], ':', 1, true) then base[words[j]] = (base[words[j]] or 0) + tonumber(words[j + 1]) end
        end
    end
    for name_of_sum, by in pairs(base) do redis.call('HINCRBY', keys.budget .. name, 'base:' .. name_of_sum, int(by)) end
    redis.call('XTRIM', key, 'MAXLEN', int(redis.call('XLEN', key) - #oldest))
end

local function append_log(keys, name, words)
    redis.call('XADD', keys.log .. name, '*', unpack(words))
    if redis.call('XLEN', keys.log .. name) >= BUDGET_LOG_MAX + LOG_FOLD then fold(keys, name) end
end

-- Changes sums of a budget and tells its journal: `changes` are triples of sum, place of the dimension, and by how much.
local function change(keys, name, op, id, changes)
    local words = { 'op', op, 'id', id }
    for i = 1, #changes, 3 do
        local by = changes[i + 2]
        if by ~= 0 then
            local sum = changes[i] .. ':' .. DIMS[changes[i + 1]]
            redis.call('HINCRBY', keys.budget .. name, sum, int(by))
            if changes[i] ~= 'undone' then words[#words + 1], words[#words + 2] = sum, int(by) end
        end
    end
    append_log(keys, name, words)
end

function ledger.tell(keys, name, op, id) append_log(keys, name, { 'op', op, 'id', id }) end

-- MARK: Opening

local function new_budget(keys, name, def, now, ends)
    local key, words = keys.budget .. name, { 'state', 'open', 'opened_ms', int(now), 'policy', def.policy }
    local function put(field_name, value) words[#words + 1], words[#words + 2] = field_name, value end
    if def.wall then put('deadline_ms', int(now + def.wall)) end
    if def.keep then put('keep_ms', int(def.keep)) end
    if def.tenant then put('tenant', def.tenant) end
    if ends then put('ends_ms', int(ends)) end
    if def.rev then put('rev', int(def.rev)) end
    local changes = {}
    for i = 1, #DIMS do
        local dim = DIMS[i]
        if def.limit[dim] then
            put('limit:' .. dim, '0')
            changes[#changes + 1], changes[#changes + 2], changes[#changes + 3] = 'limit', i, def.limit[dim]
        end
        if def.undo[dim] then put('undo:' .. dim, int(def.undo[dim])) end
    end
    redis.call('HSET', key, unpack(words))
    change(keys, name, 'open', '', changes)
    redis.call('ZADD', keys.seen, int(now), name)
    if ends then
        redis.call('ZADD', keys.ends, int(ends + BUDGET_KEPT_MS), name)
    elseif string.find(name, '^intent:') then
        redis.call('ZADD', keys.ends, int(now + (def.keep or BUDGET_IDLE_MS)), name)
    end
    return ledger.read(keys, name)
end

function ledger.open_intent(keys, name, def, now)
    ledger.count(keys, 'opened')
    return new_budget(keys, name, def, now)
end

-- What is defined for a name: its own, or that of its family, tenant:*.
function ledger.definition(keys, name)
    local family = string.match(name, '^(.*:)[^:]*$')
    local found = redis.call('HMGET', keys.defs, name, family and family .. '*' or name)
    local packed = found[1] or found[2]
    return packed and cmsgpack.unpack(packed) or nil
end

-- The end of the window that begins in that hour, day or month.
local function window_end(period, now)
    local step = period == 'hour' and SPAN_MS.h or SPAN_MS.d
    local from = now - now % step
    local text = string.sub(ledger.iso_time(from), 1, PERIODS[period])
    repeat from = from + step until string.sub(ledger.iso_time(from), 1, PERIODS[period]) ~= text
    return from
end

-- A definition that was changed changes the window that is open; what was topped up stays on top.
local function redefine(keys, budget, def)
    local changes = {}
    for i = 1, #DIMS do
        local dim = DIMS[i]
        local limit = def.limit[dim] and def.limit[dim] + (tonumber(budget.hash['added:' .. dim] or '') or 0)
        local by = (limit or 0) - (tonumber(budget.hash['limit:' .. dim] or '') or 0)
        changes[#changes + 1], changes[#changes + 2], changes[#changes + 3] = 'limit', i, by
        if not limit then
            redis.call('HSET', keys.budget .. budget.name, 'free:' .. dim, '1')
        else
            redis.call('HDEL', keys.budget .. budget.name, 'free:' .. dim)
        end
    end
    redis.call('HSET', keys.budget .. budget.name, 'rev', int(def.rev), 'policy', def.policy)
    redis.call('HDEL', keys.budget .. budget.name, 'exhausted', 'exhausted_ms')
    change(keys, budget.name, 'set', '', changes)
    return ledger.read(keys, budget.name)
end

-- The budget of a defined name now, nil when nothing is defined for it. It is opened when there is none yet.
function ledger.defined(keys, name, now)
    local def = ledger.definition(keys, name)
    if not def then return nil end
    local instance = name
    if def.period then instance = name .. '@' .. string.sub(ledger.iso_time(now), 1, PERIODS[def.period]) end
    local budget = ledger.read(keys, instance)
    if not budget then return new_budget(keys, instance, def, now, def.period and window_end(def.period, now)) end
    if budget.hash.rev ~= int(def.rev) then return redefine(keys, budget, def) end
    return budget
end

-- The budget of a name as it stands now.
function ledger.find(keys, name, now)
    if string.find(name, '^intent:') or string.find(name, '@', 1, true) then return ledger.read(keys, name) end
    return ledger.defined(keys, name, now)
end

-- The budgets in which what is reserved for a name is reserved: its own first, its tenant's and all's where they are defined.
-- Nil when there is none of that name.
function ledger.chain(keys, name, now)
    local own = ledger.find(keys, name, now)
    if not own then return nil end
    local chain = { own }
    if own.hash.tenant then chain[2] = ledger.defined(keys, 'tenant:' .. own.hash.tenant, now) end
    if name ~= 'all' then chain[#chain + 1] = ledger.defined(keys, 'all', now) end
    return chain
end

-- MARK: May it be spent?

-- How one budget stands to an amount: nil when it fits, else the answer's words.
local function obstacle(budget, amounts, is_undo, now)
    if budget.state == 'closed' then return { 'closed', budget.name } end
    if budget.state == 'frozen' and not is_undo then return { 'frozen', budget.name, budget.hash.reason or '' } end
    if budget.deadline and now >= budget.deadline and not is_undo then
        return { 'deadline', int(now - budget.deadline), budget.name }
    end
    local waits
    for i = 1, #DIMS do
        local wanted, limit = amounts[i] or 0, budget.limit[i]
        if wanted > 0 and limit then
            local room = limit - budget.com[i] - (is_undo and 0 or kept(budget, i))
            if wanted > room then return { 'exhausted', DIMS[i], int(math.max(0, room - budget.res[i])), budget.name } end
            if wanted > room - budget.res[i] then
                waits = waits or { 'wait', DIMS[i], int(math.max(0, room - budget.res[i])), budget.name }
            end
        end
    end
    return waits
end

local RANK = { wait = 1, exhausted = 2, deadline = 3, frozen = 4, closed = 5 }

-- The worst that any budget of a chain says, nil when all have room. Behind it stand the intent's policy, and when the window of
-- the budget that says it ends, 0 for never.
function ledger.refusal(chain, amounts, is_undo, now)
    local worst, by
    for i = 1, #chain do
        local found = obstacle(chain[i], amounts, is_undo, now)
        if found and (not worst or RANK[found[1]] > RANK[worst[1]]) then worst, by = found, chain[i] end
    end
    if not worst then return nil end
    while #worst < 4 do worst[#worst + 1] = '' end
    worst[5], worst[6] = chain[1].hash.policy or 'fail', by.hash.ends_ms or '0'
    return worst
end

function ledger.note_exhausted(keys, name, dim, now)
    if redis.call('HSETNX', keys.budget .. name, 'exhausted_ms', int(now)) == 0 then return end
    redis.call('HSET', keys.budget .. name, 'exhausted', dim)
    ledger.count(keys, 'exhausted')
    ledger.tell(keys, name, 'exhausted', dim)
end

-- Raises limits, or moves the deadline; whoever rests may go on.
function ledger.raise(keys, budget, def, by, now)
    local key, changes = keys.budget .. budget.name, {}
    for i = 1, #DIMS do
        local more = def.limit[DIMS[i]]
        if more then
            changes[#changes + 1], changes[#changes + 2], changes[#changes + 3] = 'limit', i, more
            redis.call('HINCRBY', key, 'added:' .. DIMS[i], int(more))
        end
    end
    if def.wall then redis.call('HSET', key, 'deadline_ms', int(math.max(budget.deadline, now) + def.wall)) end
    redis.call('HDEL', key, 'exhausted', 'exhausted_ms', 'wanted_ms')
    change(keys, budget.name, 'top_up', by, changes)
    redis.call('ZADD', keys.seen, int(now), budget.name)
    ledger.count(keys, 'topped_up')
end

-- MARK: Reservations. A record is s = state: h(eld), c(ommitted), r(efunded), e(xpired and charged), x (expired and refunded);
-- v = amounts held, b = amounts booked, n = the budgets, p = 's' when it was sent, u = for undoing, t = when it expires

function ledger.record(keys, home, id)
    local packed = redis.call('HGET', keys.reserved .. home, id)
    return packed and cmsgpack.unpack(packed) or nil
end

local function keep(keys, home, id, record) redis.call('HSET', keys.reserved .. home, id, cmsgpack.pack(record)) end

local function member(home, id) return home .. '\n' .. id end

-- Of the parts that an amount names: what each budget of a record has committed and reserved, and its limit there.
local function standing(keys, names, amounts)
    local found = {}
    for i = 1, #names do
        local wanted, places = {}, {}
        for d = 1, #DIMS do
            if (amounts[d] or 0) ~= 0 then
                places[#places + 1] = d
                for _, sum in ipairs({ 'com:', 'res:', 'limit:', 'free:' }) do wanted[#wanted + 1] = sum .. DIMS[d] end
            end
        end
        found[i] = {}
        local values = #wanted > 0 and redis.call('HMGET', keys.budget .. names[i], unpack(wanted)) or {}
        for p = 1, #places do
            found[i][places[p]] = {
                com = tonumber(values[4 * p - 3] or '') or 0, res = tonumber(values[4 * p - 2] or '') or 0,
                limit = not values[4 * p] and tonumber(values[4 * p - 1] or '') or nil,
            }
        end
    end
    return found
end

-- Whether a sum would pass what a number can hold.
local function overflows(found, amounts)
    for i = 1, #found do
        for d, sums in pairs(found[i]) do
            if sums.com + sums.res + amounts[d] > SUM_MAX then return true end
        end
    end
    return false
end

-- Moves sums in all the budgets of a record that are still there.
local function move(keys, record, op, id, res, com)
    for i = 1, #record.n do
        local name, changes = record.n[i], {}
        if redis.call('EXISTS', keys.budget .. name) == 1 then
            local n = 0
            for d = 1, #DIMS do
                local held, booked = res and res[d] or 0, com and com[d] or 0
                if held ~= 0 then changes[n + 1], changes[n + 2], changes[n + 3], n = 'res', d, held, n + 3 end
                if booked ~= 0 then changes[n + 1], changes[n + 2], changes[n + 3], n = 'com', d, booked, n + 3 end
                if record.u and held + booked ~= 0 then
                    changes[n + 1], changes[n + 2], changes[n + 3], n = 'undone', d, held + booked, n + 3
                end
            end
            change(keys, name, op, id, changes)
        end
    end
end

local function negative(amounts)
    local result = {}
    for i = 1, #DIMS do result[i] = -(amounts[i] or 0) end
    return result
end

local function difference(left, right)
    local result = {}
    for i = 1, #DIMS do result[i] = (left[i] or 0) - (right[i] or 0) end
    return result
end

local TOO_LARGE = 'INVALID amount: a sum of the budget would pass 2^53'

function ledger.hold(keys, chain, home, id, amounts, sent, is_undo, expires, now)
    if tonumber(chain[1].hash.held or '0') >= RESERVATIONS_MAX then
        return redis.error_reply('INVALID reservation: ' .. home .. ' has ' .. RESERVATIONS_MAX .. ' that are not settled')
    end
    local record = { s = 'h', v = amounts, n = {}, p = sent and 's' or 'c', u = is_undo or nil, t = expires }
    for i = 1, #chain do record.n[i] = chain[i].name end
    if overflows(standing(keys, record.n, amounts), amounts) then return redis.error_reply(TOO_LARGE) end
    keep(keys, home, id, record)
    redis.call('ZADD', keys.open, int(expires), member(home, id))
    move(keys, record, 'reserve', id, amounts, nil)
    redis.call('HINCRBY', keys.budget .. home, 'held', 1)
    for i = 1, #chain do redis.call('ZADD', keys.seen, int(now), chain[i].name) end
    ledger.count(keys, 'granted')
    return { 'ok', int(expires) }
end

function ledger.grow(keys, home, id, record, amounts, expires)
    if overflows(standing(keys, record.n, amounts), amounts) then return redis.error_reply(TOO_LARGE) end
    record.v, record.t = difference(record.v, negative(amounts)), expires
    keep(keys, home, id, record)
    redis.call('ZADD', keys.open, int(expires), member(home, id))
    move(keys, record, 'extend', id, amounts, nil)
    return { 'ok', int(expires) }
end

function ledger.mark_sent(keys, home, id, record)
    record.p = 's'
    keep(keys, home, id, record)
    return { 'ok', int(record.t) }
end

-- Which budget's committed sum passes its limit by what is booked now, and by how much: the answer's words, or nil.
local function overrun(keys, names, found, booked, now)
    for i = 1, #names do
        for d = 1, #DIMS do
            local sums = found[i][d]
            local over = sums and sums.limit and booked[d] > 0 and sums.com + booked[d] - sums.limit or 0
            if over > 0 then
                if redis.call('HEXISTS', keys.budget .. names[i], 'exhausted_ms') == 0 then ledger.count(keys, 'overruns') end
                ledger.note_exhausted(keys, names[i], DIMS[d], now)
                return { 'overrun', DIMS[d], int(over), names[i] }
            end
        end
    end
    return nil
end

-- The one end of a reservation: what was held goes, what is booked comes.
function ledger.settle(keys, home, id, record, state, booked, op, now)
    local found = standing(keys, record.n, booked)
    if overflows(found, booked) then return redis.error_reply(TOO_LARGE) end
    local held = record.v
    record.s, record.b, record.v, record.t = state, booked, nil, nil
    keep(keys, home, id, record)
    redis.call('ZREM', keys.open, member(home, id))
    redis.call('ZADD', keys.settled, int(now), member(home, id))
    move(keys, record, op, id, negative(held), booked)
    if redis.call('EXISTS', keys.budget .. home) == 1 then redis.call('HINCRBY', keys.budget .. home, 'held', -1) end
    ledger.count(keys, op)
    return overrun(keys, record.n, found, booked, now) or { 'ok' }
end

-- The truth about what is settled already: the committed sums move by what it differs from what was booked.
function ledger.adjust(keys, home, id, record, truth, now)
    local by, moved = difference(truth, record.b), false
    for i = 1, #DIMS do moved = moved or by[i] ~= 0 end
    if not moved and record.s == 'c' then return { 'same', 'committed' } end
    local found = standing(keys, record.n, by)
    if overflows(found, by) then return redis.error_reply(TOO_LARGE) end
    record.s, record.b = 'c', truth
    keep(keys, home, id, record)
    move(keys, record, 'adjust', id, nil, by)
    ledger.count(keys, 'adjusted')
    return overrun(keys, record.n, found, by, now) or { 'ok' }
end

-- Writes down what was spent without a reservation; it is a fact, so nothing is asked.
function ledger.book(keys, chain, home, id, amounts, op, is_undo, now)
    local record = { s = 'c', b = amounts, n = {}, u = is_undo or nil }
    for i = 1, #chain do record.n[i] = chain[i].name end
    local found = standing(keys, record.n, amounts)
    if overflows(found, amounts) then return redis.error_reply(TOO_LARGE) end
    keep(keys, home, id, record)
    redis.call('ZADD', keys.settled, int(now), member(home, id))
    move(keys, record, op, id, nil, amounts)
    for i = 1, #chain do redis.call('ZADD', keys.seen, int(now), chain[i].name) end
    return overrun(keys, record.n, found, amounts, now) or { 'ok' }
end

-- MARK: Time

-- What may have been spent is charged; what surely was not begun is given back.
function ledger.expire(keys, limit, now)
    local due = redis.call('ZRANGE', keys.open, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, limit)
    for i = 1, #due do
        local home, id = string.match(due[i], '^(.-)\n(.*)$')
        local record = home and ledger.record(keys, home, id)
        if record and record.s == 'h' then
            local sent = record.p == 's'
            ledger.settle(keys, home, id, record, sent and 'e' or 'x', sent and record.v or {}, sent and 'charged' or 'lapsed', now)
        else
            redis.call('ZREM', keys.open, due[i])
        end
    end
    return #due
end

local function remove(keys, name)
    for _, key in ipairs({ keys.budget, keys.reserved, keys.log, keys.resting }) do redis.call('UNLINK', key .. name) end
    redis.call('ZREM', keys.seen, name)
    redis.call('ZREM', keys.ends, name)
end

function ledger.close(keys, name, op, now)
    redis.call('HSET', keys.budget .. name, 'state', 'closed', 'closed_ms', int(now))
    redis.call('ZADD', keys.ends, int(now + BUDGET_KEPT_MS), name)
    ledger.tell(keys, name, op, '')
end

local function look_at_end(keys, name, now)
    local budget = ledger.read(keys, name)
    if not budget then return remove(keys, name) end
    local hash, seen = budget.hash, tonumber(redis.call('ZSCORE', keys.seen, name) or '0')
    if tonumber(hash.held or '0') > 0 or redis.call('HLEN', keys.resting .. name) > 0 then
        redis.call('ZADD', keys.ends, int(now + BUDGET_LOOK_AGAIN_MS), name)
    elseif budget.state == 'closed' or hash.ends_ms then
        remove(keys, name)
    elseif seen + (tonumber(hash.keep_ms or '') or BUDGET_IDLE_MS) > now then
        redis.call('ZADD', keys.ends, int(seen + (tonumber(hash.keep_ms or '') or BUDGET_IDLE_MS)), name)
    else
        ledger.close(keys, name, 'idle', now)
    end
end

-- Forgets what has been settled for long, and closes and takes away budgets that nobody needs any more.
function ledger.tidy(keys, limit, now)
    local old = redis.call('ZRANGE', keys.settled, '-inf', int(now - SETTLED_KEPT_MS), 'BYSCORE', 'LIMIT', 0, limit)
    for i = 1, #old do
        local home, id = string.match(old[i], '^(.-)\n(.*)$')
        redis.call('HDEL', keys.reserved .. home, id)
        redis.call('ZREM', keys.settled, old[i])
    end
    local ended = redis.call('ZRANGE', keys.ends, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, limit)
    for i = 1, #ended do look_at_end(keys, ended[i], now) end
    return #old + #ended
end

-- MARK: Does the journal say what the hash says?

local function journal_sums(keys, name, hash)
    local sums = {}
    for field_name, value in pairs(hash) do
        local sum = string.match(field_name, '^base:(.+)$')
        if sum then sums[sum] = tonumber(value) end
    end
    local entries = redis.call('XRANGE', keys.log .. name, '-', '+')
    for i = 1, #entries do
        local words = entries[i][2]
        for j = 1, #words, 2 do
            if string.find(words[j], ':', 1, true) then sums[words[j]] = (sums[words[j]] or 0) + tonumber(words[j + 1]) end
        end
    end
    return sums
end

-- {'ok', entries}, or {'differs', sum, hash, journal, …}.
function ledger.check(keys, name)
    local budget = ledger.read(keys, name)
    if not budget then return { 'unknown', name } end
    local sums, reply = journal_sums(keys, name, budget.hash), { 'differs' }
    for _, kind in ipairs({ 'limit', 'com', 'res' }) do
        for i = 1, #DIMS do
            local sum = kind .. ':' .. DIMS[i]
            local hashed, told = tonumber(budget.hash[sum] or '0'), sums[sum] or 0
            if hashed ~= told then
                for _, word in ipairs({ sum, int(hashed), int(told) }) do reply[#reply + 1] = word end
            end
        end
    end
    if #reply > 1 then return reply end
    return { 'ok', int(redis.call('XLEN', keys.log .. name)) }
end
