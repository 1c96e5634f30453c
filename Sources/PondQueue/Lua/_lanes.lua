-- Exports: lanes

-- The place `limited`: jobs that may not go yet, because a limit has no room. They stay in their ready streams, owned by a
-- consumer that never runs anything, so that to park a job and to let it go moves nothing. Its keys:
--     limited          hash  code and entry → since when (ms), '1' for a retry, costs, lane
--     lane:LANE        zset  code and entry, by priority and arrival; a lane is the names that its jobs need
--     blocked          zset  limit → when it may have room, ms
--     blocked:LIMIT    zset  lane → when it was last served, µs: lanes take turns, so that one with many jobs does not hold up
--                      the others
-- A lane is registered under one of the limits that it needs: the one that had no room when it was looked at last.

lanes = {}

local RANK = { f = 0, h = 1, n = 2, l = 3 }
local RANK_STEP, MS_FROM, MS_STEP = 2000000000000000, 1577836800000, 1000   -- arrival since 2020, three digits of a number
local LIMITS_A_CALL = 64
local AGAIN_MS = 250       -- when nobody came for what may go
local BACKUP_MS = 50       -- how much later others come than the worker that was told to come
local BATCH_MS = 100       -- a wake-up may wait so long for more to go at once
local AGAIN = ' again'     -- of lanes of retries, which have a budget of their own
local TEND_MAX, TEND_SOME = 256, 16

local function score_of(code, entry)
    local ms, number = string.match(entry, '^(%d+)%-(%d+)$')
    local since = math.min(math.max(tonumber(ms) - MS_FROM, 0), RANK_STEP / MS_STEP - 1)
    return int(RANK[code] * RANK_STEP + since * MS_STEP + tonumber(number) % MS_STEP)
end

local function lane_of(needs, is_retry) return is_retry and needs.lane .. AGAIN or needs.lane end

local function record_of(context, needs, is_retry)
    local costs = {}
    for i = 1, #needs do costs[i] = int(needs[i].cost) end
    return int(context.now) .. ' ' .. (is_retry and '1' or '0') .. ' ' .. (costs[1] and table.concat(costs, ',') or '-')
        .. ' ' .. lane_of(needs, is_retry)
end

-- Since when a job waits, what it needs, whether it is a retry and its lane; nil when the record cannot be read.
local function read_record(record)
    local since, retry, costs, lane = string.match(record or '', '^(%d+) ([01]) (%S+) ?(.*)$')
    if not since then return nil end
    local needs, at, is_retry = {}, 0, retry == '1'
    local names = is_retry and string.sub(lane, 1, -#AGAIN - 1) or lane
    needs.lane = names
    local values = {}
    for cost in string.gmatch(costs, '%d+') do values[#values + 1] = tonumber(cost) end
    for name in string.gmatch(names, '[^,]+') do
        at = at + 1
        needs[at] = { name = name, cost = values[at] or 1 }
    end
    return { since = since, needs = needs, is_retry = is_retry, lane = lane }
end

-- Says when a limit may have room for the jobs of this queue; an earlier time stays.
local function expect(context, name, due)
    local keys = context.keys
    if redis.call('ZADD', keys.blocked, 'LT', 'CH', int(due), name) == 1 then
        redis.call('SADD', context.base .. ':waiting:' .. name, keys.base)
    end
end

-- Puts a job into its lane; its entry is the parker's by now.
local function add(context, code, entry, needs, is_retry, name, due)
    local keys, lane, place = context.keys, lane_of(needs, is_retry), code .. entry
    redis.call('HSET', keys.limited, place, record_of(context, needs, is_retry))
    redis.call('ZADD', keys.lane .. lane, score_of(code, entry), place)
    if redis.call('ZCARD', keys.lane .. lane) > 1 then return end
    redis.call('ZADD', keys.blocked_by .. name, int(context.us), lane)
    expect(context, name, due)
end

-- Whether a fetched job may go now. Then it holds what it needs; else it is in its lane, for the caller to give its entry to
-- the parker. `may_go` is false when no slot is free for it.
function lanes.admit(context, code, entry, fields, may_go)
    local needs = limits.needs(context, fields)
    if not needs then return true end
    local keys, id = context.keys, job_id(context.keys, code, entry, fields)
    local expires = whole_number(field(fields, 'expires_ms'))
    if expires and expires <= context.now then return true end   -- it does not run, so it needs nothing
    local is_retry = number_field(fields, 'attempt') > 0
    local reason, name, due = limits.refusal(context, needs, is_retry)
    if not reason then
        -- Nobody overtakes those that wait already.
        local is_first = context.is_empty or redis.call('EXISTS', keys.lane .. lane_of(needs, is_retry)) == 0
        if may_go and is_first then
            limits.take(context, needs, is_retry, keys, id)
            return true, #needs > 0
        end
        reason, name, due = 'no_slot', needs[1].name, context.now
    end
    add(context, code, entry, needs, is_retry, name, due)
    context.is_empty = false
    local limit = limits.look(context, name)
    if limit then limits.count(context, limit, 'r') end
    note(context.events, 'limited', id .. ' ' .. name .. ' ' .. reason)
    return false
end

-- Takes a job out of its lane, whatever becomes of it.
function lanes.forget(keys, code, entry)
    local place = code .. entry
    local record = read_record(redis.call('HGET', keys.limited, place))
    redis.call('HDEL', keys.limited, place)
    if record then redis.call('ZREM', keys.lane .. record.lane, place) end
end

-- Hands the first job of a lane to a consumer. Returns its fields, nil when it is gone.
local function hand_over(context, consumer, place, record)
    local keys, code, entry = context.keys, string.sub(place, 1, 1), string.sub(place, 2)
    redis.call('ZREM', keys.lane .. record.lane, place)
    redis.call('HDEL', keys.limited, place)
    local claimed = redis.pcall('XCLAIM', keys[code], GROUP, consumer, 0, entry)
    local found = not is_error(claimed) and claimed[1]
    if not found or not found[2] then return nil end
    local fields = found[2]
    local expires = whole_number(field(fields, 'expires_ms'))
    if not expires or expires > context.now then
        limits.take(context, record.needs, record.is_retry, keys, job_id(keys, code, entry, fields))
    end
    local list = context.handed[code] or {}
    context.handed[code] = list
    list[#list + 1] = { entry, fields }
    return fields
end

-- Serves the first lane that waits for a limit. Returns how many jobs went, or nil when the limit has nobody left to serve or
-- no room.
local function serve(context, consumer, name)
    local keys = context.keys
    local waiting = keys.blocked_by .. name
    local lane = redis.call('ZRANGE', waiting, 0, 0)[1]
    if not lane then
        redis.call('ZREM', keys.blocked, name)
        redis.call('SREM', context.base .. ':waiting:' .. name, keys.base)
        return nil
    end
    local place = redis.call('ZRANGE', keys.lane .. lane, 0, 0)[1]
    local record = place and read_record(redis.call('HGET', keys.limited, place))
    if not record then
        if place then redis.call('ZREM', keys.lane .. lane, place) else redis.call('ZREM', waiting, lane) end
        return 0
    end
    local reason, by, due = limits.refusal(context, record.needs, record.is_retry)
    if reason and by == name then
        redis.call('ZADD', keys.blocked, int(lanes.batch_due(context, name, reason, due)), name)
        return nil
    end
    if reason then
        local served = redis.call('ZSCORE', waiting, lane)
        redis.call('ZREM', waiting, lane)
        redis.call('ZADD', keys.blocked_by .. by, served, lane)
        expect(context, by, due)
        return 0
    end
    local went = hand_over(context, consumer, place, record) and 1 or 0
    context.turn = (context.turn or 0) + 1
    if redis.call('EXISTS', keys.lane .. lane) == 1 then
        redis.call('ZADD', waiting, int(context.us + context.turn), lane)
    else
        redis.call('ZREM', waiting, lane)
    end
    return went
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
    local keys, went, looks = context.keys, 0, 4 * most + LIMITS_A_CALL
    local names = redis.call('ZRANGE', keys.blocked, '-inf', int(context.now), 'BYSCORE', 'LIMIT', 0, LIMITS_A_CALL)
    -- In turns here, too: the limits share the slots.
    while went < most and looks > 0 and #names > 0 do
        local left = {}
        for i = 1, #names do
            local served = went < most and looks > 0 and serve(context, consumer, names[i])
            looks = looks - 1
            if served then
                went = went + served
                left[#left + 1] = names[i]
            end
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
        if redis.pcall('XLEN', keys.bell) == 0 then redis.pcall('XADD', keys.bell, '*', 'due_ms', int(due)) end
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
    local needs = limits.needs(context, fields) or { lane = '' }
    add(context, code, entry, needs, number_field(fields, 'attempt') > 0, needs[1] and needs[1].name or '', context.now)
end

-- Finds entries that the parker has and that are in no lane, and puts them into one.
local function find_lost(context)
    local keys = context.keys
    for i = 1, #CODES do
        local code = CODES[i]
        local pending = redis.pcall('XPENDING', keys[code], GROUP, '-', '+', TEND_MAX, PARKER)
        for j = 1, is_error(pending) and 0 or #pending do
            local entry = pending[j][1]
            local record = read_record(redis.call('HGET', keys.limited, code .. entry))
            if not record or not redis.call('ZSCORE', keys.lane .. record.lane, code .. entry) then
                put_back(context, code, entry)
            end
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

-- Looks after what keys that were deleted by hand, or a server that lost its last second, left behind: some jobs a call.
function lanes.tend(keys, parked, now)
    local context = limits.open(keys, now)
    context.events = {}
    redis.call('HSET', keys.meta, 'limits', '1')
    if parked ~= redis.call('HLEN', keys.limited) then find_lost(context) end
    local some = redis.call('HRANDFIELD', keys.limited, TEND_SOME)
    for i = 1, #some do
        local record = read_record(redis.call('HGET', keys.limited, some[i]))
        local code, entry = string.sub(some[i], 1, 1), string.sub(some[i], 2)
        local found = SUFFIX[code] and redis.pcall('XPENDING', keys[code], GROUP, entry, entry, 1, PARKER)
        if not found or is_error(found) or not found[1] then
            lanes.forget(keys, code, entry)
        elseif not record or not is_served(keys, record) or not redis.call('ZSCORE', keys.lane .. record.lane, some[i]) then
            if record then redis.call('ZREM', keys.lane .. record.lane, some[i]) end
            put_back(context, code, entry)
            local name = record and record.needs[1] and record.needs[1].name or ''
            if record then
                redis.call('ZADD', keys.blocked_by .. name, 'NX', int(context.us), record.lane)
                expect(context, name, now)
            end
        end
    end
    local held = redis.call('HRANDFIELD', keys.granted, TEND_SOME)
    for i = 1, #held do
        if places.key_state(keys, held[i]) ~= 'running' then limits.release(context, keys, held[i]) end
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
            local record = place and read_record(redis.call('HGET', keys.limited, place))
            if record then
                local reason, by, due = limits.refusal(context, record.needs, record.is_retry)
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
    local record = read_record(redis.call('HGET', keys.limited, place))
    if not record then return nil end
    local reason, name, due = limits.refusal(context, record.needs, record.is_retry)
    local before = redis.call('ZRANK', keys.lane .. record.lane, place) or 0
    local limit = name and limits.look(context, name)
    if due and reason == 'rate_limited' and limit then
        due = due + math.floor(before * limit.definition.interval / 1000)
    end
    return {
        name = name or (record.needs[1] and record.needs[1].name) or '', reason = reason or 'no_slot', before = before,
        due = due, since = record.since,
    }
end

places.lanes = lanes
