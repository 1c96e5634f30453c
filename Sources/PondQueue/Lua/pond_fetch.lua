-- Hands runnable jobs to a consumer, front before high before normal before low, after promoting what is due.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  how many at most (0 only promotes)   3  a bell entry to put away, or ''
--          4  'urgent' for front and high alone, or nothing
-- returns  {now_ms, next_due_ms or 0, paused 0|1, code, entries or error text, code, entries or error text, …}
--          where entries is {{entry, {field, value, …}}, …}; streams without new entries are left out

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
    local meta = redis.call('HMGET', keys.meta, 'paused_ms', 'waits')
    local next = due_text(due)
    if meta[2] then next = saga.earlier(next, saga.wake_all_due(keys, now, PROMOTE_BATCH_MAX, consumer)) end
    local reply = { int(now), next, meta[1] and '1' or '0' }
    if meta[1] then return reply end
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
