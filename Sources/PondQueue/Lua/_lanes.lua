-- Exports: lanes

-- The place `limited`: jobs that may not go yet, because a limit has no room. They stay in their ready streams, owned by a
-- consumer that never runs anything, so that to park a job and to let it go moves nothing. Its keys:
--     limited          hash  code and entry → what is kept of the job, see `record_of`
--     lane:LANE        zset  code and entry, by priority and arrival; a lane is the names that its jobs need
--     blocked          zset  limit → when it may have room, ms
--     blocked:LIMIT    zset  lane → when it was last served, µs: lanes take turns, so that one with many jobs does not hold up
--                      the others
-- A lane is registered under one of the limits that it needs: the one that had no room when it was looked at last.

lanes = {}

local RANK = { f = '0', h = '1', n = '2', l = '3' }
local LIMITS_A_CALL, LANES_A_TURN, JOBS_A_TURN = 64, 64, 128
local AGAIN_MS = 250       -- when nobody came for what may go
local BACKUP_MS = 50       -- how much later others come than the worker that was told to come
local BATCH_MS = 100       -- a wake-up may wait so long for more to go at once
local DASH = 45
local AGAIN = ' again'     -- of lanes of retries, which have a budget of their own
local TEND_MAX, TEND_SOME = 256, 16

-- By priority, then by arrival: a digit, the time in the id, and two digits of its number, all of which a double holds.
local function score_of(code, entry)
    local dash = string.find(entry, '-', 1, true)
    local ms, number = string.sub(entry, 1, dash - 1), string.sub(entry, -2)
    if #ms ~= 13 then ms = #ms < 13 and string.rep('0', 13 - #ms) .. ms or '9999999999999' end
    if string.byte(number) == DASH then number = '0' .. string.sub(number, 2) end
    return RANK[code] .. ms .. number
end

-- What is kept of a job in a lane: '1' for a retry, its costs, its lane; before that, where they are not plain, when it expires
-- (ms, or 0) and its id, and a bar. Of most jobs of a lane it is the same text, which is read once.
local function record_of(context, code, entry, fields, needs, is_retry, id)
    local tail = needs.tail
    if is_retry then tail = '1' .. string.sub(tail, 2) .. AGAIN end
    local expires = field(fields, 'expires_ms')
    if not expires and id == own_id(code, entry) then return tail end
    return (whole_number(expires) and expires or '0') .. ' ' .. id .. '|' .. tail
end

-- Adds to needs what is written of them.
local function with_tail(needs)
    if needs.tail then return needs end
    local costs = '-'
    for i = 1, #needs do costs = (i > 1 and costs .. ',' or '') .. int(needs[i].cost) end
    needs.tail = '0 ' .. costs .. ' ' .. needs.lane
    return needs
end

local tails, tail_count = {}, 0
local TAILS_MAX = 2048

local function read_tail(tail)
    local known = tails[tail]
    if known then return known end
    local retry, costs, lane = string.match(tail, '^([01]) (%S+) ?(.*)$')
    if not retry then return nil end
    local needs, values = {}, {}
    known = { needs = needs, is_retry = retry == '1', lane = lane, expires = 0 }
    needs.lane = known.is_retry and string.sub(lane, 1, -#AGAIN - 1) or lane
    for cost in string.gmatch(costs, '%d+') do values[#values + 1] = tonumber(cost) end
    for name in string.gmatch(needs.lane, '[^,]+') do needs[#needs + 1] = { name = name, cost = values[#needs + 1] or 1 } end
    with_tail(needs)
    if tail_count >= TAILS_MAX then tails, tail_count = {}, 0 end
    tails[tail], tail_count = known, tail_count + 1
    return known
end

-- {needs, is_retry, lane, expires, id} of a record, nil when it cannot be read; without an id its entry's is the job's.
local function read_record(record)
    if not record then return nil end
    local bar = string.find(record, '|', 1, true)
    if not bar then return read_tail(record) end
    local expires, id = string.match(record, '^(%d+) ([^|]+)|')
    local job = expires and read_tail(string.sub(record, bar + 1))
    if not job then return nil end
    return { needs = job.needs, is_retry = job.is_retry, lane = job.lane, expires = tonumber(expires), id = id }
end

-- Says when a limit may have room for the jobs of this queue; an earlier time stays.
local function expect(context, name, due)
    local keys = context.keys
    if redis.call('ZADD', keys.blocked, 'LT', 'CH', int(due), name) == 1 then
        redis.call('SADD', context.base .. ':waiting:' .. name, keys.base)
    end
end

local function lane_row(context, lane)
    local parked = context.parked_lanes
    if not parked then
        parked = {}
        context.parked_lanes, context.records, context.held_back = parked, {}, {}
    end
    local row = parked[lane]
    if not row then
        row = { is_new = redis.call('EXISTS', context.keys.lane .. lane) == 0 }
        parked[lane] = row
    end
    return row
end

-- Puts a job into its lane, where it is once `lanes.write` was called; its entry is the parker's by then.
local function add(context, row, code, entry, record, name, due)
    local place, records = code .. entry, context.records
    local last = #records
    records[last + 1], records[last + 2] = place, record
    last = #row
    row[last + 1], row[last + 2] = score_of(code, entry), place
    if not row.name then row.name, row.due = name, due end
end

-- Writes down what was put into lanes.
function lanes.write(context)
    local keys = context.keys
    if not context.parked_lanes then return end
    if #context.records > 0 then redis.call('HSET', keys.limited, unpack(context.records)) end
    for lane, row in pairs(context.parked_lanes) do
        if #row > 0 then
            redis.call('ZADD', keys.lane .. lane, unpack(row))
            if row.is_new then
                redis.call('ZADD', keys.blocked_by .. row.name, int(context.us), lane)
                expect(context, row.name, row.due)
            end
        end
    end
    for why, ids in pairs(context.held_back) do
        note_many(context.events, 'limited', why .. ' ' .. table.concat(ids, ' '), #ids)
    end
    context.parked_lanes, context.records, context.held_back = nil, nil, nil
end

-- Gathers what the journal is told: one event for all jobs of a call that a limit holds for one reason.
local function note_limited(context, why, id)
    local ids = context.held_back[why]
    if not ids then
        ids = {}
        context.held_back[why] = ids
    end
    ids[#ids + 1] = id
end

local function is_over(fields, now)
    local expires = whole_number(field(fields, 'expires_ms'))
    return expires and expires <= now
end

-- Whether a fetched job may go now, and whether it holds a limit then; else it is put into its lane, for the caller to give
-- its entry to the parker. `may_go` is false when no slot is free for it.
function lanes.admit(context, code, entry, fields, may_go)
    local needs = limits.needs(context, fields)
    -- What has expired does not run, so it needs nothing.
    if not needs or #needs == 0 or is_over(fields, context.now) then return true end
    with_tail(needs)
    local is_retry, id = number_field(fields, 'attempt') > 0, job_id(context.keys, code, entry, fields)
    local row = lane_row(context, is_retry and needs.lane .. AGAIN or needs.lane)
    local reason, name, due = 'in_line', needs[1].name, context.now
    -- Nobody overtakes those that wait already.
    if row.is_new and not row[1] then
        reason = 'no_slot'
        if may_go then reason, name, due = limits.refusal(context, needs, is_retry) end
        if not reason then
            limits.take(context, needs, is_retry, context.keys, id)
            return true, true
        end
    end
    add(context, row, code, entry, record_of(context, code, entry, fields, needs, is_retry, id), name, due)
    local limit = limits.look(context, name)
    if limit then limits.count(context, limit, 'r') end
    note_limited(context, name .. ' ' .. reason, id)
    return false
end

-- Takes a job out of its lane, whatever becomes of it.
function lanes.forget(keys, code, entry)
    local place = code .. entry
    local job = read_record(redis.call('HGET', keys.limited, place))
    redis.call('HDEL', keys.limited, place)
    if job then redis.call('ZREM', keys.lane .. job.lane, place) end
end

-- The first jobs of the first lanes that wait for a limit: of one lane many, of many lanes one each.
local function heads_of(keys, names, most)
    local quantum, all, places_of = #names == 1 and most or 1, {}, {}
    for i = 1, #names do
        local found = redis.call('ZRANGE', keys.lane .. names[i], 0, quantum - 1)
        places_of[i] = found
        for j = 1, #found do all[#all + 1] = found[j] end
    end
    local records, known = #all > 0 and redis.call('HMGET', keys.limited, unpack(all)) or {}, {}
    for i = 1, #all do known[all[i]] = records[i] end
    return places_of, known
end

local function with_last(list, word)
    list[#list + 1] = word
    return list
end

-- Adds entries with their fields to a list. To look for one is to walk through the node of the stream that it is in, so those
-- that lie together are read together.
local function read_entries(key, ids, list)
    local found = {}
    if #ids > 2 then
        local range = redis.call('XRANGE', key, ids[1], ids[#ids], 'COUNT', 2 * #ids)
        for i = 1, #range do found[range[i][1]] = range[i] end
    end
    for i = 1, #ids do
        local entry = found[ids[i]] or redis.call('XRANGE', key, ids[i], ids[i])[1]
        if entry then list[#list + 1] = entry end
    end
end

-- Hands jobs over to a consumer whose limits are taken. What was deleted meanwhile gives back what it took.
local function hand_over(context, consumer, going)
    local keys = context.keys
    redis.call('HDEL', keys.limited, unpack(going.places))
    for code, entries in pairs(going.entries) do
        local claimed = redis.pcall('XCLAIM', keys[code], GROUP, consumer, 0, unpack(with_last(entries, 'JUSTID')))
        local list = context.handed[code] or {}
        context.handed[code] = list
        local before = #list
        if not is_error(claimed) and #claimed > 0 then read_entries(keys[code], claimed, list) end
        if #list - before < #entries - 1 then
            local there = {}
            for i = before + 1, #list do there[list[i][1]] = true end
            for i = 1, #entries - 1 do
                if not there[entries[i]] then context.deleted[#context.deleted + 1] = going.ids[code .. entries[i]] end
            end
        end
    end
end

-- Notes when lanes were served, those that are empty now apart.
local function end_turn(context, name, served)
    local keys, waiting = context.keys, context.keys.blocked_by .. name
    for i = 1, #served do
        if redis.call('EXISTS', keys.lane .. served[i]) == 1 then
            context.turn = context.turn + 1
            redis.call('ZADD', waiting, int(context.us + context.turn), served[i])
        else
            redis.call('ZREM', waiting, served[i])
        end
    end
end

local function move_lane(context, lane, from, to, due)
    local keys = context.keys
    local served = redis.call('ZSCORE', keys.blocked_by .. from, lane)
    redis.call('ZREM', keys.blocked_by .. from, lane)
    redis.call('ZADD', keys.blocked_by .. to, served or int(context.us), lane)
    expect(context, to, due)
end

local function go(going, job, place)
    local code, entry = string.sub(place, 1, 1), string.sub(place, 2)
    local entries = going.entries[code]
    if not entries then
        entries = {}
        going.entries[code] = entries
    end
    entries[#entries + 1] = entry
    going.places[#going.places + 1] = place
    local id = job.id or own_id(code, entry)
    going.ids[place] = id
    return id
end

-- Looks at the jobs of one lane in turn. Returns how many went, and whether the limit has no room left.
local function serve_lane(context, name, lane, found, known, going, most)
    local went, is_full = 0, false
    for i = 1, #found do
        if #going.places >= most then break end
        local job = read_record(known[found[i]])
        local reason, by, due
        if job and (job.expires == 0 or job.expires > context.now) then
            reason, by, due = limits.refusal(context, job.needs, job.is_retry)
            if not reason then limits.take(context, job.needs, job.is_retry, context.keys, go(going, job, found[i])) end
        else
            -- What has expired needs nothing, and what cannot be read is looked after by whoever gets it.
            go(going, job or {}, found[i])
        end
        if reason and by == name then
            redis.call('ZADD', context.keys.blocked, int(lanes.batch_due(context, name, reason, due)), name)
            is_full = true
            break
        elseif reason then
            context.moves[#context.moves + 1] = { lane, name, by, due }
            break
        end
        went = went + 1
    end
    if went > 0 then redis.call('ZREM', context.keys.lane .. lane, unpack(found, 1, went)) end
    return went, is_full
end

-- Serves the lanes that wait for a limit once round. Returns how many jobs went, nil when the limit has nobody left, and whether
-- it has no room left.
local function serve(context, consumer, name, most)
    local keys = context.keys
    -- Of the many that wait no more are read than may go, and one that is told when.
    most = math.min(most, JOBS_A_TURN, limits.room(context, name) + 1)
    local names = redis.call('ZRANGE', keys.blocked_by .. name, 0, math.min(most, LANES_A_TURN) - 1)
    if #names == 0 then
        redis.call('ZREM', keys.blocked, name)
        redis.call('SREM', context.base .. ':waiting:' .. name, keys.base)
        return nil
    end
    local places_of, known = heads_of(keys, names, most)
    local going, served, is_full = { places = {}, entries = {}, ids = {} }, {}, false
    context.moves = {}
    for i = 1, #names do
        if is_full or #going.places >= most then break end
        local went
        if #places_of[i] == 0 then redis.call('ZREM', keys.blocked_by .. name, names[i]) end
        went, is_full = serve_lane(context, name, names[i], places_of[i], known, going, most)
        if went > 0 then served[#served + 1] = names[i] end
    end
    if #going.places > 0 then hand_over(context, consumer, going) end
    end_turn(context, name, served)
    for i = 1, #context.moves do
        local move = context.moves[i]
        if redis.call('EXISTS', keys.lane .. move[1]) == 1 then move_lane(context, unpack(move)) end
    end
    return #going.places, is_full
end

-- With a burst, a wake-up waits until some may go at once: each costs more than the jobs that it lets go.
function lanes.batch_due(context, name, reason, due)
    local limit = limits.look(context, name)
    if reason ~= 'rate_limited' or not limit then return due end
    local definition = limit.definition
    local more = math.floor(definition.burst / 2) - 1
    if more < 1 then return due end
    return due + math.floor(math.min(more * definition.interval / 1000, BATCH_MS))
end

-- Lets go what may go, at most so many; they are in `context.handed`, by code. Returns how many.
function lanes.serve(context, consumer, most)
    local keys, went, looks = context.keys, 0, most + LIMITS_A_CALL
    local names = redis.call('ZRANGE', keys.blocked, '-inf', int(context.now), 'BYSCORE', 'LIMIT', 0, LIMITS_A_CALL)
    context.handed, context.turn, context.deleted = {}, 0, {}
    -- In turns here, too: the limits share the slots.
    while went < most and looks > 0 and #names > 0 do
        local left = {}
        for i = 1, #names do
            if went >= most or looks <= 0 then break end
            looks = looks - 1
            local count, is_full = serve(context, consumer, names[i], most - went)
            went = went + (count or 0)
            if count and not is_full then left[#left + 1] = names[i] end
        end
        names = left
    end
    return went
end

-- When a worker should come for what waits, '0' for never. One worker is told the time itself, the others a little later, so
-- that they do not all come at once.
function lanes.next_due(keys, now)
    local head = redis.call('ZRANGE', keys.blocked, 0, 0, 'WITHSCORES')
    local due = tonumber(head[2] or '')
    if not due then return '0' end
    if due <= now then
        wake_one(keys, now)
        return int(now + AGAIN_MS)
    end
    local told = redis.call('HGET', keys.meta, 'limits_alarm')
    if told == int(due) then return int(due + BACKUP_MS) end
    redis.call('HSET', keys.meta, 'limits_alarm', int(due))
    return int(due)
end

-- The earlier of a time and of when a worker should come for what waits.
function lanes.earliest(keys, now, due)
    local own = lanes.next_due(keys, now)
    if due == '0' or (own ~= '0' and tonumber(own) < tonumber(due)) then return own end
    return due
end

local function put_back(context, code, entry)
    local keys = context.keys
    local fields = entry_fields(keys[code], entry)
    if not fields then
        redis.call('HDEL', keys.limited, code .. entry)
        return redis.call('XACK', keys[code], GROUP, entry)
    end
    local needs, is_retry = with_tail(limits.needs(context, fields) or { lane = '' }), number_field(fields, 'attempt') > 0
    local record = record_of(context, code, entry, fields, needs, is_retry, job_id(keys, code, entry, fields))
    local row = lane_row(context, is_retry and needs.lane .. AGAIN or needs.lane)
    add(context, row, code, entry, record, needs[1] and needs[1].name or '', context.now)
end

-- Finds entries that the parker has and that are in no lane, and puts them into one.
local function find_lost(context)
    local keys = context.keys
    for i = 1, #CODES do
        local code = CODES[i]
        local pending = redis.pcall('XPENDING', keys[code], GROUP, '-', '+', TEND_MAX, PARKER)
        for j = 1, is_error(pending) and 0 or #pending do
            local entry = pending[j][1]
            local job = read_record(redis.call('HGET', keys.limited, code .. entry))
            if not job or not redis.call('ZSCORE', keys.lane .. job.lane, code .. entry) then put_back(context, code, entry) end
        end
    end
end

-- Whether a lane is served for any of the limits that it needs.
local function is_served(keys, record)
    local names = record.needs
    if #names == 0 then return redis.call('ZSCORE', keys.blocked_by, record.lane) end
    for i = 1, #names do
        if redis.call('ZSCORE', keys.blocked_by .. names[i].name, record.lane)
            and redis.call('ZSCORE', keys.blocked, names[i].name) then return true end
    end
    return false
end

local function tend_one(context, place)
    local keys, code, entry = context.keys, string.sub(place, 1, 1), string.sub(place, 2)
    local job = read_record(redis.call('HGET', keys.limited, place))
    local found = SUFFIX[code] and redis.pcall('XPENDING', keys[code], GROUP, entry, entry, 1, PARKER)
    if not found or is_error(found) or not found[1] then return lanes.forget(keys, code, entry) end
    if not job or not redis.call('ZSCORE', keys.lane .. job.lane, place) then return put_back(context, code, entry) end
    if is_served(keys, job) then return end
    local name = job.needs[1] and job.needs[1].name or ''
    redis.call('ZADD', keys.blocked_by .. name, 'NX', int(context.us), job.lane)
    expect(context, name, context.now)
end

-- Looks after what keys that were deleted by hand, or a server that lost its last second, left behind: some jobs a call.
function lanes.tend(keys, parked, now)
    local context = limits.open(keys, now)
    context.events = {}
    redis.call('HSET', keys.meta, 'limits', '1')
    if parked ~= redis.call('HLEN', keys.limited) then find_lost(context) end
    lanes.write(context)
    local some = redis.call('HRANDFIELD', keys.limited, TEND_SOME)
    for i = 1, #some do tend_one(context, some[i]) end
    lanes.write(context)
    -- A clock that was turned back must not make them wait until it has caught up.
    local late = redis.call('ZRANGE', keys.blocked, '(' .. int(now + 2 * limits.LOOK_AGAIN_MS), '+inf', 'BYSCORE', 'LIMIT', 0, TEND_MAX)
    for i = 1, #late do redis.call('ZADD', keys.blocked, int(now), late[i]) end
    local held = redis.call('HRANDFIELD', keys.granted, TEND_SOME)
    for i = 1, #held do
        if places.key_state(keys, held[i]) ~= 'running' then limits.release(context, keys, { held[i], false, false }) end
    end
    limits.close(context)
end

-- What waits, for people: of each lane its name, how many jobs are in it, the limit that has no room, why, and when it may.
function lanes.list(context, most)
    local keys, rows = context.keys, {}
    local names = redis.call('ZRANGE', keys.blocked, 0, -1, 'WITHSCORES')
    for i = 1, #names, 2 do
        local found = redis.call('ZRANGE', keys.blocked_by .. names[i], 0, most - 1)
        for j = 1, #found do
            local place = redis.call('ZRANGE', keys.lane .. found[j], 0, 0)[1]
            local job = place and read_record(redis.call('HGET', keys.limited, place))
            if job then
                local reason, by, due = limits.refusal(context, job.needs, job.is_retry)
                rows[#rows + 1] = {
                    found[j], redis.call('ZCARD', keys.lane .. found[j]), by or names[i], reason or '', due and int(due) or '',
                }
            end
        end
    end
    table.sort(rows, function(a, b) return a[2] > b[2] end)
    return rows
end

-- Why a job waits: the limit, the reason, how many go before it, and about when its turn is.
function lanes.explain(context, code, entry)
    local keys, place = context.keys, code .. entry
    local job = read_record(redis.call('HGET', keys.limited, place))
    if not job then return nil end
    local reason, name, due = limits.refusal(context, job.needs, job.is_retry)
    local before = redis.call('ZRANK', keys.lane .. job.lane, place) or 0
    local limit = name and limits.look(context, name)
    if due and reason == 'rate_limited' and limit then
        due = due + math.floor(before * limit.definition.interval / 1000)
    end
    return {
        name = name or (job.needs[1] and job.needs[1].name) or '', reason = reason or 'in_line', before = before,
        due = due,
    }
end

places.lanes = lanes
