-- Names the dead of a group, oldest first, a page.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the group   2  rank to begin at, 0 for the oldest   3  how many at most (1 … 1000)
--          4  only those that died at that time or before, or ''
-- returns  {rank of the next page or -1, id, died_ms, …}; jobs that end meanwhile move the ranks of those behind them

local PAGE_MAX = 1000

local function group_ids(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local group, first, limit = grouping.named({ [5] = args[1] }), whole_number(args[2]), whole_number(args[3])
    local last = whole_number((args[4] or '') == '' and '999999999999999' or args[4])
    if not group or not first or not limit or limit < 1 or limit > PAGE_MAX or not last then
        return redis.error_reply('INVALID page: expected a group of 8 hex digits or other, a rank, a limit of 1 to '
            .. PAGE_MAX .. ' and a time or nothing')
    end
    local found = redis.call('ZRANGE', keys.group .. group, int(first), int(first + limit - 1), 'WITHSCORES')
    local reply = { #found < 2 * limit and '-1' or int(first + limit) }
    for i = 1, #found, 2 do
        if tonumber(found[i + 1]) > last then
            reply[1] = '-1'
            break
        end
        reply[#reply + 1], reply[#reply + 2] = found[i], int(tonumber(found[i + 1]))
    end
    return reply
end

redis.register_function{ function_name = 'pond_group_ids', callback = group_ids, flags = { 'no-writes' } }
