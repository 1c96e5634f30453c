-- Adds jobs of an export, each once however often they are sent: the number of the last one is kept in `meta` under the
-- export's id, and moves with every job in the same call.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the export's id   then a job after the other, the numbers ascending: its number, how many words follow,
--             and those, as for pond_enqueue
-- returns  {number of the last job, added ready, added held, known keys, sent before} and, when a job was refused,
--          {…, its number, the error}; those before it stay, those behind it were not looked at
-- errors   INVALID …; what was added before is counted in the number, so sending the same again is right

local EXPORT_ID_BYTES_MAX = 64

-- The words of the job that begins at this place, its number, and the place of the next one; nil when they are no job.
local function read_job(args, at)
    local number, count = whole_number(args[at]), whole_number(args[at + 1])
    if not number or not count or at + 1 + count > #args then return nil end
    local words = {}
    for i = 1, count do words[i] = args[at + 1 + i] end
    return words, number, at + 2 + count
end

local function import_one(keys, tally, cursor_name, words, number)
    local answer = enqueue_job(keys, words)
    if is_error(answer) then return answer.err end
    redis.call('HSET', keys.meta, cursor_name, int(number))
    tally.cursor = number
    tally[answer[1]] = tally[answer[1]] + 1
    return nil
end

local function import(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local export = args[1] or ''
    if #export > EXPORT_ID_BYTES_MAX or not string.find(export, '^[A-Za-z0-9-]+$') then
        return redis.error_reply('INVALID export id: expected 1 to ' .. EXPORT_ID_BYTES_MAX .. ' codes and digits')
    end
    local cursor_name = 'import:' .. export
    -- Looked at before the first job: a key of another type must stop the call while nothing is written.
    local cursor = whole_number(redis.call('HGET', keys.meta, cursor_name) or '0')
    if not cursor then return redis.error_reply('INVALID ' .. cursor_name .. ' in meta: it is no number') end
    local tally = { cursor = cursor, enqueued = 0, held = 0, duplicate = 0, before = 0 }
    local at, refused, failure = 2, nil, nil
    while at <= #args and not failure do
        local words, number, following = read_job(args, at)
        if not words then return redis.error_reply('INVALID job at argument ' .. at .. ': expected number, count, words') end
        if number <= tally.cursor then
            tally.before = tally.before + 1
        else
            failure = import_one(keys, tally, cursor_name, words, number)
            refused = failure and number
        end
        at = following
    end
    local reply = { int(tally.cursor), int(tally.enqueued), int(tally.held), int(tally.duplicate), int(tally.before) }
    if failure then reply[6], reply[7] = int(refused), failure end
    return reply
end

redis.register_function{ function_name = 'pond_import', callback = import }
