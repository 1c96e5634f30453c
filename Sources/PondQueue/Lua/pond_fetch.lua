-- Hands runnable jobs to a consumer, front before high before normal before low, after promoting what is due.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  how many at most (0 only promotes)   3  a bell entry to put away, or ''
--          4  'urgent' for front and high alone, or nothing
--          5  how many jobs that need a limit may begin now: the slots that are free; as many as (2) when it is not given
-- returns  {now_ms, next_due_ms or 0, paused 0|1, code, entries or error text, code, entries or error text, …}
--          where entries is {{entry, {field, value, …}}, …}; streams without new entries are left out. To whom gives (5), the
--          last pair may be `limits`, 1: some jobs of this queue need limits, so all have to be fetched by this function;
--          or `limits`, 2: and more have to be looked at, so fetch again

local function put_away_wake_up(keys, entry)
    redis.pcall('XACK', keys.bell, GROUP, entry)
    redis.pcall('XDEL', keys.bell, entry)
end

-- Most queues have normal jobs alone, and to ask for the length of a stream costs half of what reading nothing does.
local function read_code(keys, code, consumer, limit)
    if code ~= 'n' then
        local length = redis.pcall('XLEN', keys[code])
        if is_error(length) then return nil, length.err end
        if length == 0 then return {} end
    end
    return read_new(keys[code], consumer, limit)
end

local PARKED_MAX = 128          -- jobs that one call looks at in vain
local LOOKED_AT_ONCE = 32       -- a payload may have a MiB
local LOOKED_BYTES_MAX = 4194304

-- Gives those of some entries to the consumer that may go; the others are in their lanes.
local function admit(context, consumer, code, entries)
    local going, ids = {}, {}
    for i = 1, #entries do
        local entry, fields = entries[i][1], entries[i][2]
        context.bytes = context.bytes + #(field(fields, 'data') or '')
        local goes, is_limited = lanes.admit(context, code, entry, fields, context.free > 0)
        if goes then
            if is_limited then context.free = context.free - 1 end
            going[#going + 1], ids[#ids + 1] = entries[i], entry
        else
            context.parked = context.parked + 1
        end
    end
    if #ids > 0 then redis.call('XCLAIM', context.keys[code], GROUP, consumer, 0, unpack(ids)) end
    return going
end

local function add_entries(reply, code, entries)
    if #entries == 0 then return end
    reply[#reply + 1], reply[#reply + 2] = code, entries
end

-- Reads new jobs of a stream until as many may go as are wanted, nothing is left, or enough was looked at.
local function admit_new(context, consumer, code, reply)
    while context.wanted > 0 do
        if context.parked >= PARKED_MAX or context.bytes >= LOOKED_BYTES_MAX then
            context.has_more = true
            return
        end
        local entries, failure = read_code(context.keys, code, PARKER, int(math.min(context.wanted, LOOKED_AT_ONCE)))
        if failure then
            reply[#reply + 1], reply[#reply + 2] = code, failure
            return
        end
        if #entries == 0 then return end
        local going = admit(context, consumer, code, entries)
        context.wanted = context.wanted - #going
        add_entries(reply, code, going)
    end
end

local function serve_lanes(context, consumer, reply)
    local most = math.min(context.free, context.wanted)
    if most <= 0 then return end
    local went = lanes.serve(context, consumer, most)
    context.free, context.wanted = context.free - went, context.wanted - went
    for i = 1, #CODES do add_entries(reply, CODES[i], context.handed[CODES[i]] or {}) end
end

-- As fetch, where jobs may need limits: what is urgent, then what has waited for its limit, then the rest.
local function fetch_limited(keys, consumer, args, now, reply, wanted)
    local context = limits.open(keys, now)
    context.events, context.deleted, context.bytes, context.parked = {}, {}, 0, 0
    context.wanted, context.free = wanted, math.min(whole_number(args[5] or '') or wanted, wanted)
    for i = 1, #CODES do
        if CODES[i] == 'n' then
            lanes.write(context)
            serve_lanes(context, consumer, reply)
            if args[4] == 'urgent' then break end
        end
        admit_new(context, consumer, CODES[i], reply)
    end
    lanes.write(context)
    limits.close(context)
    for i = 1, #context.deleted do limits.left_flight(keys, context.deleted[i], now) end
    write_journal(keys, consumer, context.events)
    reply[2] = lanes.earliest(keys, now, reply[2])
    if args[5] then reply[#reply + 1], reply[#reply + 2] = 'limits', context.has_more and '2' or '1' end
    return reply
end

local function fetch(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local consumer, wanted, bell = args[1], whole_number(args[2]), args[3]
    if not wanted then return redis.error_reply('INVALID count: expected a whole number') end
    if bell ~= '' then put_away_wake_up(keys, bell) end
    local now = now_ms()
    local due = first_due(keys)
    if is_due(due, now) then
        promote_due(keys, now, PROMOTE_BATCH_MAX, consumer)
        due = first_due(keys)
    end
    local meta = redis.call('HMGET', keys.meta, 'paused_ms', 'waits', 'limits')
    local next = due_text(due)
    if meta[2] then next = saga.earlier(next, saga.wake_all_due(keys, now, PROMOTE_BATCH_MAX, consumer)) end
    local reply = { int(now), next, meta[1] and '1' or '0' }
    if meta[1] then return reply end
    if meta[3] then return fetch_limited(keys, consumer, args, now, reply, wanted) end
    local limit = int(wanted)
    for i = 1, #CODES do
        if wanted <= 0 or (args[4] == 'urgent' and CODES[i] == 'n') then break end
        local entries, failure = read_code(keys, CODES[i], consumer, limit)
        if failure or #entries > 0 then
            reply[#reply + 1] = CODES[i]
            reply[#reply + 1] = failure or entries
        end
        if entries and #entries > 0 then
            wanted = wanted - #entries
            limit = int(wanted)
        end
    end
    return reply
end

redis.register_function{ function_name = 'pond_fetch', callback = fetch, flags = { 'allow-oom' } }
