-- What a supervisor needs to know of a queue to size its fleet, in one read.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  count held jobs that become due within this many ms   2  and within this many
-- returns  {now_ms, ready, in flight, age of the oldest ready job in ms, jobs that ever became ready, due within ARGV 1,
--           due within ARGV 2, paused 0|1, fault or '', consumer, last beat in ms, load, consumer, …}
--          load is what the worker's last beat said: supervisor, slot, process id, slots, running, milliseconds that its
--          handlers have run, tries that ended, tries that ended well; '' for a worker that said nothing

local WORKERS_MAX = 2048

-- What was handed back or taken over has become ready before, so `front` does not count. What a limit holds back has not
-- become ready yet: more workers would not run it sooner. It arrives when it is let go.
local function arrivals(keys, limited)
    return math.max(0, entries_added(keys.n) + entries_added(keys.h) + entries_added(keys.l) - limited)
end

-- Of each limit that has room by then one job at least may go, and somebody has to be there to take it.
local function due_within(keys, now, milliseconds, total)
    if milliseconds == 0 then return 0 end
    local last = int(now + milliseconds)
    local due = checked(total, keys.due, 'ZCOUNT', keys.due, '-inf', last)
    if total.limited == 0 then return due end
    return due + checked(total, keys.blocked, 'ZCOUNT', keys.blocked, '-inf', last)
end

local function append_workers(keys, reply, now, total)
    local beats = checked(total, keys.beats, 'ZRANGEBYSCORE', keys.beats, int(now - WORKER_ALIVE_MS), '+inf', 'WITHSCORES',
        'LIMIT', 0, WORKERS_MAX)
    if beats == 0 then return end
    for i = 1, #beats, 2 do
        local load = redis.pcall('HGET', keys.load, beats[i])
        reply[#reply + 1] = beats[i]
        reply[#reply + 1] = int(tonumber(beats[i + 1]))
        reply[#reply + 1] = type(load) == 'string' and load or ''
    end
end

local function scale(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local soon, later = whole_number(args[1]), whole_number(args[2])
    if not soon or not later then return redis.error_reply('INVALID scale: expected two numbers of milliseconds') end
    local now = now_ms()
    local total = { ready = 0, running = 0, limited = 0, age = 0, fault = '' }
    measure_streams(keys, now, total)
    local due_soon, due_later = due_within(keys, now, soon, total), due_within(keys, now, later, total)
    local paused = redis.pcall('HEXISTS', keys.meta, 'paused_ms')
    local reply = {
        int(now), int(total.ready), int(total.running), int(total.age), int(arrivals(keys, total.limited)), int(due_soon),
        int(due_later), paused == 1 and '1' or '0', '',
    }
    append_workers(keys, reply, now, total)
    reply[9] = total.fault
    return reply
end

redis.register_function{ function_name = 'pond_scale', callback = scale, flags = { 'no-writes' } }
