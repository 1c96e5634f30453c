-- Names the dead, oldest first, a page.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  only this cause, or ''   2  rank to begin at, 0 for the oldest   3  how many ranks to look at (1 … 1000)
-- returns  {rank of the next page or -1, id, id, …}; jobs that end meanwhile move the ranks of those behind them

local PAGE_MAX = 1000

local function dead_ids(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local cause, first, limit = args[1] or '', whole_number(args[2]), whole_number(args[3])
    if not first or not limit or limit < 1 or limit > PAGE_MAX then
        return redis.error_reply('INVALID page: expected a cause, a rank and a limit of 1 to ' .. PAGE_MAX)
    end
    local ids = redis.call('ZRANGE', keys.dead_at, int(first), int(first + limit - 1))
    local reply = { #ids < limit and '-1' or int(first + limit) }
    for i = 1, #ids do
        local record = cause ~= '' and dead_record(keys, ids[i])
        if cause == '' or record and record[2] == cause then reply[#reply + 1] = ids[i] end
    end
    return reply
end

redis.register_function{ function_name = 'pond_dead_ids', callback = dead_ids, flags = { 'no-writes' } }
