-- Budgets of intents, tenants and times: money is reserved before it is spent, and settled exactly once. See docs/budgets.md.
-- KEYS     1  the budgets, PREFIX:{budgets}
-- ARGV     1  a verb, then its words. NAME is intent:CORRELATION_ID, tenant:NAME or all; ID is the reservation's, chosen by who
--          asks, as in QUEUE/JOB/STEP/ATTEMPT; AMOUNTS are pairs of usd (micro-dollars), tokens, calls, retries or cpu_ms and a
--          whole number; HOW is sent (it is charged when nothing more is heard) or claimed (it is refunded then), and `,undo`
--          behind it for what undoes
--            open NAME TEXT             an intent's budget; TEXT as in usd=0.45,calls=20,tokens=100k,wall=1h,on_exhausted=pause
--            reserve NAME ID HOW MS AMOUNTS   in the intent's, its tenant's and all's budget at once, or in none
--            sent NAME ID               what was claimed has been sent
--            extend NAME ID MS AMOUNTS  more of it, MS from now
--            commit NAME ID AMOUNTS     what it took in truth        refund NAME ID   surely nothing was begun
--            adjust NAME ID AMOUNTS     the truth about what is settled, when it comes late
--            spend NAME ID HOW AMOUNTS  what was spent without a reservation: a fact, nothing is asked
--            attempt NAME TEXT JOB NUMBER HOW   may a try of a job begin; opens the intent where TEXT is not `inherit`, and
--                                       counts a retry
--            rest NAME JOB WORD DIM AMOUNT    the job rests until there is room; WORD is pause, or ask: somebody is to decide
--            resting NAME               the jobs that rest       woken NAME JOB …   they need not be told again
--            top_up NAME TEXT BY        raises limits; wall=… moves the deadline; BY says who, for the journal
--            set NAME TEXT              defines tenant:NAME, tenant:* or all; usd=50/day, or /hour, /month     clear NAME
--            freeze NAME REASON · unfreeze NAME · close NAME
--            show NAME · defined · list AFTER COUNT · log NAME AFTER COUNT · check NAME · counts · late MS COUNT
--            expire COUNT               settles what is past its time, and takes away what nobody needs any more
-- returns  flat texts: ok · same STATE · wait DIM FREE NAME · exhausted DIM FREE NAME POLICY UNTIL_MS · deadline MS NAME ·
--          overrun DIM AMOUNT NAME (written down all the same) · frozen NAME REASON · closed NAME · unknown NAME; of the
--          readers, what their names say

local VERBS = {}
local STATES = { h = 'held', c = 'committed', r = 'refunded', e = 'expired', x = 'lapsed' }
local PAGE_MAX = 1000

local function refuse(text) return redis.error_reply('INVALID ' .. text) end

local PLACE = {}
for i = 1, #ledger.DIMS do PLACE[ledger.DIMS[i]] = i end

-- The amounts from a place on, all of them; or nil and what is wrong.
local function amounts_of(args, from)
    local amounts = { 0, 0, 0, 0, 0 }
    if (#args - from) % 2 == 0 then return nil, refuse('amounts: expected pairs of name and whole number') end
    for i = from, #args, 2 do
        local place, amount = PLACE[args[i]], whole_number(args[i + 1])
        if not place or not amount or amount > ledger.AMOUNT_MAX then
            return nil, refuse('amount: got "' .. string.sub(args[i], 1, 40) .. ' ' .. string.sub(args[i + 1], 1, 40)
                .. '", allowed are usd (micro-dollars), tokens, calls, retries and cpu_ms, each a whole number up to '
                .. int(ledger.AMOUNT_MAX))
        end
        amounts[place] = amount
    end
    return amounts
end

local function how_of(text)
    local how, undo = string.match(text or '', '^(%a+),?(%a*)$')
    if (how ~= 'sent' and how ~= 'claimed') or (undo ~= '' and undo ~= 'undo') then
        return nil, nil, refuse('way: got "' .. string.sub(text or '', 1, 40) .. '", allowed is sent or claimed, and ,undo')
    end
    return how == 'sent', undo == 'undo'
end

local function wrong_id(id)
    if id and #id > 0 and #id <= ledger.RESERVATION_ID_BYTES_MAX and not string.find(id, '\n', 1, true) then return nil end
    return refuse('reservation id: allowed are 1 to ' .. ledger.RESERVATION_ID_BYTES_MAX .. ' bytes without a line\'s end')
end

local function span_of(text)
    local ms = whole_number(text)
    if ms and ms >= 1 and ms <= ledger.RESERVATION_MS_MAX then return ms end
    return nil, refuse('time: allowed is 1 to ' .. ledger.RESERVATION_MS_MAX .. ' ms')
end

local function told_same(record) return { 'same', STATES[record.s] } end

-- What a refusal changes: it is counted, and a budget that is used up says so in its journal once.
local function refused(context, answer)
    ledger.count(context.keys, answer[1] == 'wait' and 'waits' or 'refused')
    if answer[1] == 'exhausted' then ledger.note_exhausted(context.keys, answer[4], answer[2], context.now) end
    return answer
end

function VERBS.open(context, args)
    local def, wrong = ledger.parse(args[2] or '')
    if not def then return redis.error_reply(wrong) end
    if not string.find(context.name, '^intent:.') then return refuse('budget name: only an intent is opened; see set') end
    if ledger.read(context.keys, context.name) then return { 'same', 'open' } end
    ledger.open_intent(context.keys, context.name, def, context.now)
    return { 'ok' }
end

function VERBS.reserve(context, args)
    local wrong = wrong_id(args[2])
    if wrong then return wrong end
    local sent, undo, wrong_how = how_of(args[3])
    if wrong_how then return wrong_how end
    local ms, wrong_span = span_of(args[4])
    if not ms then return wrong_span end
    local amounts, wrong_amounts = amounts_of(args, 5)
    if not amounts then return wrong_amounts end
    local known = ledger.record(context.keys, context.name, args[2])
    if known then return told_same(known) end
    local chain = ledger.chain(context.keys, context.name, context.now)
    if not chain then return { 'unknown', context.name } end
    local no = ledger.refusal(chain, amounts, undo, context.now)
    if no then return refused(context, no) end
    return ledger.hold(context.keys, chain, context.name, args[2], amounts, sent, undo, context.now + ms, context.now)
end

-- A verb about a reservation that there is.
local function of_reservation(body)
    return function(context, args)
        local wrong = wrong_id(args[2])
        if wrong then return wrong end
        local record = ledger.record(context.keys, context.name, args[2])
        if not record then return { 'unknown', context.name } end
        return body(context, record, args[2], args)
    end
end

VERBS.sent = of_reservation(function(context, record, id)
    if record.s ~= 'h' then return told_same(record) end
    return ledger.mark_sent(context.keys, context.name, id, record)
end)

VERBS.extend = of_reservation(function(context, record, id, args)
    if record.s ~= 'h' then return told_same(record) end
    local ms, wrong_span = span_of(args[3])
    if not ms then return wrong_span end
    local amounts, wrong_amounts = amounts_of(args, 4)
    if not amounts then return wrong_amounts end
    local chain = {}
    for i = 1, #record.n do chain[#chain + 1] = ledger.read(context.keys, record.n[i]) end
    local no = #chain > 0 and ledger.refusal(chain, amounts, record.u, context.now)
    if no then return refused(context, no) end
    return ledger.grow(context.keys, context.name, id, record, amounts, context.now + ms)
end)

VERBS.commit = of_reservation(function(context, record, id, args)
    local amounts, wrong = amounts_of(args, 3)
    if not amounts then return wrong end
    if record.s == 'h' then
        return ledger.settle(context.keys, context.name, id, record, 'c', amounts, 'commit', context.now)
    end
    -- It expired before its truth came, which is the truth all the same.
    if record.s == 'e' or record.s == 'x' then
        return ledger.adjust(context.keys, context.name, id, record, amounts, context.now)
    end
    return told_same(record)
end)

VERBS.refund = of_reservation(function(context, record, id)
    if record.s == 'h' then
        return ledger.settle(context.keys, context.name, id, record, 'r', { 0, 0, 0, 0, 0 }, 'refund', context.now)
    end
    if record.s == 'e' then
        return ledger.adjust(context.keys, context.name, id, record, { 0, 0, 0, 0, 0 }, context.now)
    end
    return told_same(record)
end)

VERBS.adjust = of_reservation(function(context, record, id, args)
    local amounts, wrong = amounts_of(args, 3)
    if not amounts then return wrong end
    if record.s == 'h' then return refuse('reservation: it is not settled yet; commit it') end
    return ledger.adjust(context.keys, context.name, id, record, amounts, context.now)
end)

function VERBS.spend(context, args)
    local wrong = wrong_id(args[2])
    if wrong then return wrong end
    local _, undo, wrong_how = how_of(args[3])
    if wrong_how then return wrong_how end
    local amounts, wrong_amounts = amounts_of(args, 4)
    if not amounts then return wrong_amounts end
    local known = ledger.record(context.keys, context.name, args[2])
    if known then return told_same(known) end
    local chain = ledger.chain(context.keys, context.name, context.now)
    if not chain then return { 'unknown', context.name } end
    return ledger.book(context.keys, chain, context.name, args[2], amounts, 'spend', undo, context.now)
end

-- The budgets of a try, its intent opened where the job says with what.
local function chain_of_try(context, text)
    local chain = ledger.chain(context.keys, context.name, context.now)
    if chain then return chain end
    if text == 'inherit' then return nil, { 'unknown', context.name } end
    local def, wrong = ledger.parse(text)
    if not def then return nil, redis.error_reply(wrong) end
    ledger.open_intent(context.keys, context.name, def, context.now)
    return ledger.chain(context.keys, context.name, context.now)
end

-- What a job needs to go on that has rested: what it rested for.
local function needed_by(context, job)
    local kept = redis.call('HGET', context.keys.resting .. context.name, job)
    local dim, amount = string.match(kept or '', '^%d+ %a+ (%S+) (%d+)$')
    return kept, PLACE[dim], tonumber(amount or '')
end

function VERBS.attempt(context, args)
    local job, number = args[3], whole_number(args[4])
    local wrong = wrong_id(job)
    if wrong then return wrong end
    local _, undo, wrong_how = how_of(args[5])
    if wrong_how or not number then return wrong_how or refuse('attempt: expected the number of the try') end
    local chain, no = chain_of_try(context, args[2] or '')
    if not chain then return no end
    local retry = job .. '/' .. int(number) .. '/retry'
    local counts = number > 1 and not ledger.record(context.keys, context.name, retry)
    -- There has to be something left of each.
    local amounts = { 1, 1, 1, counts and 1 or 0, 1 }
    local rested, place, amount = needed_by(context, job)
    if place then amounts[place] = math.max(amounts[place], amount) end
    no = ledger.refusal(chain, amounts, undo, context.now)
    -- What others hold may come back, and who has not reserved yet need not wait for it; who rested for it does.
    if no and not (no[1] == 'wait' and not place) then return refused(context, no) end
    if rested then redis.call('HDEL', context.keys.resting .. context.name, job) end
    if counts then ledger.book(context.keys, chain, context.name, retry, { 0, 0, 0, 1, 0 }, 'retry', undo, context.now) end
    return { 'ok' }
end

function VERBS.rest(context, args)
    local job, word, amount = args[2], args[3], whole_number(args[5])
    local wrong = wrong_id(job)
    if wrong then return wrong end
    if (word ~= 'pause' and word ~= 'ask') or not amount then return refuse('rest: expected JOB, pause or ask, DIM, AMOUNT') end
    if not ledger.read(context.keys, context.name) then return { 'unknown', context.name } end
    local key = context.keys.resting .. context.name
    local before = redis.call('HGET', key, job) or ''
    local since, dim, wanted = string.match(before, '^(%d+) %a+ (%S+) (%d+)$')
    -- Who only looks again does not know how much it is that the job wants.
    if amount > 0 or not wanted then dim, wanted = args[4] ~= '' and args[4] or '-', int(amount) end
    since = since or int(context.now)
    redis.call('HSET', key, job, since .. ' ' .. word .. ' ' .. dim .. ' ' .. wanted)
    if word == 'ask' and redis.call('HSETNX', context.keys.budget .. context.name, 'wanted_ms', int(context.now)) == 1 then
        ledger.count(context.keys, 'wanted')
        ledger.tell(context.keys, context.name, 'wanted', job)
    end
    return { 'ok', since, int(context.now) }
end

-- job, since when, pause or ask, the dimension, the amount: five words each.
function VERBS.resting(context)
    local flat, reply = redis.call('HGETALL', context.keys.resting .. context.name), {}
    for i = 1, math.min(#flat, 2 * PAGE_MAX), 2 do
        local since, word, dim, amount = string.match(flat[i + 1], '^(%d+) (%a+) (%S+) (%d+)$')
        for _, text in ipairs({ flat[i], since or '0', word or 'pause', dim or '-', amount or '0' }) do reply[#reply + 1] = text end
    end
    return reply
end

-- A job that was woken still rests when it finds no room at its next try, and says so again.
function VERBS.woken(context, args)
    local gone = 0
    for i = 2, #args do gone = gone + redis.call('HDEL', context.keys.resting .. context.name, args[i]) end
    return { int(gone) }
end

function VERBS.top_up(context, args)
    local def, wrong = ledger.parse(args[2] or '')
    if not def then return redis.error_reply(wrong) end
    local budget = ledger.find(context.keys, context.name, context.now)
    if not budget then return { 'unknown', context.name } end
    if budget.state == 'closed' then return { 'closed', budget.name } end
    if next(def.undo) or def.tenant or def.keep then return refuse('top-up: only limits and wall can be raised') end
    for i = 1, #ledger.DIMS do
        local dim = ledger.DIMS[i]
        local more = def.limit[dim]
        if more and not budget.limit[i] then return refuse('top-up: ' .. budget.name .. ' has no limit of ' .. dim) end
        if more and budget.limit[i] + more > ledger.AMOUNT_MAX then
            return refuse('top-up: ' .. dim .. ' would pass ' .. int(ledger.AMOUNT_MAX))
        end
    end
    if def.wall and not budget.deadline then return refuse('top-up: ' .. budget.name .. ' has no deadline') end
    ledger.raise(context.keys, budget, def, clipped(args[3] or '', 256), context.now)
    return { 'ok', int(redis.call('HLEN', context.keys.resting .. context.name)) }
end

function VERBS.set(context, args)
    local def, wrong = ledger.parse(args[2] or '', true)
    if not def then return redis.error_reply(wrong) end
    if not (context.name == 'all' or string.find(context.name, '^tenant:[^@]+$')) then
        return refuse('budget name: only tenant:NAME, tenant:* and all are defined; an intent is opened')
    end
    if def.tenant or def.keep or def.wall then return refuse('budget: only an intent has wall, keep and a tenant') end
    local before = redis.call('HEXISTS', context.keys.defs, context.name)
    if before == 0 and redis.call('HLEN', context.keys.defs) >= 100000 then return refuse('budget: 100000 are defined') end
    def.rev, def.text = redis.call('HINCRBY', context.keys.counts, 'revisions', 1), args[2]
    redis.call('HSET', context.keys.defs, context.name, cmsgpack.pack(def))
    return { before == 1 and 'changed' or 'set' }
end

function VERBS.clear(context)
    return { redis.call('HDEL', context.keys.defs, context.name) == 1 and 'cleared' or 'unknown' }
end

function VERBS.defined(context)
    local flat, reply = redis.call('HGETALL', context.keys.defs), {}
    for i = 1, math.min(#flat, 2 * PAGE_MAX), 2 do
        reply[#reply + 1], reply[#reply + 2] = flat[i], cmsgpack.unpack(flat[i + 1]).text or ''
    end
    return reply
end

-- A verb that changes the state of a budget that is not closed.
local function of_open(body)
    return function(context, args)
        local budget = ledger.find(context.keys, context.name, context.now)
        if not budget then return { 'unknown', context.name } end
        if budget.state == 'closed' then return { 'closed', budget.name } end
        return body(context, budget, args)
    end
end

VERBS.freeze = of_open(function(context, budget, args)
    redis.call('HSET', context.keys.budget .. budget.name, 'state', 'frozen', 'reason', clipped(args[2] or '', 256))
    ledger.tell(context.keys, budget.name, 'freeze', '')
    return { 'ok' }
end)

VERBS.unfreeze = of_open(function(context, budget)
    redis.call('HSET', context.keys.budget .. budget.name, 'state', 'open')
    redis.call('HDEL', context.keys.budget .. budget.name, 'reason')
    ledger.tell(context.keys, budget.name, 'unfreeze', '')
    return { 'ok', int(redis.call('HLEN', context.keys.resting .. context.name)) }
end)

VERBS.close = of_open(function(context, budget)
    ledger.close(context.keys, budget.name, 'close', context.now)
    return { 'ok', budget.hash.held or '0' }
end)

-- Pairs of name and text, all that there is of a budget, and what of it is free for what goes forward and for undoing.
function VERBS.show(context)
    local budget = ledger.find(context.keys, context.name, context.now)
    if not budget then return {} end
    local reply = { 'name', budget.name, 'now_ms', int(context.now) }
    for field_name, value in pairs(budget.hash) do
        if not string.find(field_name, '^base:') then reply[#reply + 1], reply[#reply + 2] = field_name, value end
    end
    for i = 1, #ledger.DIMS do
        if budget.limit[i] then
            local free = budget.limit[i] - budget.com[i] - budget.res[i]
            for _, word in ipairs({
                'free:' .. ledger.DIMS[i], int(math.max(0, free - ledger.kept(budget, i))),
                'undo_free:' .. ledger.DIMS[i], int(math.max(0, free)),
            }) do reply[#reply + 1] = word end
        end
    end
    reply[#reply + 1], reply[#reply + 2] = 'resting', int(redis.call('HLEN', context.keys.resting .. context.name))
    reply[#reply + 1], reply[#reply + 2] = 'entries', int(redis.call('XLEN', context.keys.log .. budget.name))
    return reply
end

-- Names, those that were used last first.
function VERBS.list(context, args)
    local after, count = whole_number(args[1]), whole_number(args[2])
    if not after or not count then return refuse('list: expected how many to skip, and how many at most') end
    return redis.call('ZREVRANGE', context.keys.seen, int(after), int(after + math.min(count, PAGE_MAX) - 1))
end

-- {id, {field, value, …}} each, newest first.
function VERBS.log(context, args)
    local budget = ledger.find(context.keys, context.name, context.now)
    if not budget then return {} end
    local count = math.min(whole_number(args[3]) or 100, PAGE_MAX)
    local from = args[2] and args[2] ~= '' and '(' .. args[2] or '+'
    return redis.call('XREVRANGE', context.keys.log .. budget.name, from, '-', 'COUNT', int(count))
end

function VERBS.check(context)
    local budget = ledger.find(context.keys, context.name, context.now)
    return ledger.check(context.keys, budget and budget.name or context.name)
end

function VERBS.counts(context)
    local reply = redis.call('HGETALL', context.keys.counts)
    reply[#reply + 1], reply[#reply + 2] = 'budgets', int(redis.call('ZCARD', context.keys.seen))
    reply[#reply + 1], reply[#reply + 2] = 'held', int(redis.call('ZCARD', context.keys.open))
    return reply
end

-- Reservations that are past their time by so much: budget and id, two words each.
function VERBS.late(context, args)
    local ms, count = whole_number(args[1]), whole_number(args[2])
    if not ms or not count then return refuse('late: expected a time in ms and how many at most') end
    local due = redis.call('ZRANGE', context.keys.open, '-inf', int(context.now - ms), 'BYSCORE', 'LIMIT', 0,
        math.min(count, PAGE_MAX))
    local reply = {}
    for i = 1, #due do
        local home, id = string.match(due[i], '^(.-)\n(.*)$')
        reply[#reply + 1], reply[#reply + 2] = home or due[i], id or ''
    end
    return reply
end

function VERBS.expire(context, args)
    local count = math.min(whole_number(args[1]) or 0, PAGE_MAX)
    local settled, gone = ledger.expire(context.keys, count, context.now), ledger.tidy(context.keys, count, context.now)
    return { int(settled), int(gone), int(redis.call('ZCARD', context.keys.open)) }
end

local NAMELESS = { defined = true, list = true, counts = true, late = true, expire = true }
local READERS = { show = true, list = true, late = true, counts = true, defined = true, resting = true, log = true, check = true }

local function pond_ledger(names, args)
    local keys, wrong_key = ledger.keys_of(names[1])
    if not keys then return wrong_key end
    local verb = args[1] or ''
    local body = VERBS[verb]
    if not body then return refuse('verb: got "' .. string.sub(verb, 1, 40) .. '", see the head of pond_ledger') end
    local words = {}
    for i = 2, #args do words[i - 1] = args[i] end
    local context = { keys = keys, now = now_ms(), name = words[1] }
    if not NAMELESS[verb] then
        local wrong = ledger.wrong_name(context.name)
        if wrong then return wrong end
    end
    if not READERS[verb] and verb ~= 'expire' then ledger.expire(keys, ledger.EXPIRE_BESIDE, context.now) end
    if verb == 'open' or verb == 'attempt' then ledger.tidy(keys, 2, context.now) end
    return body(context, words)
end

redis.register_function{ function_name = 'pond_ledger', callback = pond_ledger, flags = { 'allow-oom' } }
