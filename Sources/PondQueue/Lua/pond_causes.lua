-- Lists the causes of the dead, the most frequent first.
-- KEYS     1  the queue, mp:{q}
-- ARGV     none
-- returns  six texts a cause: cause, number of dead, first_ms, last_ms, id of the last, error of the last

local CAUSES_MAX = 1000

local function causes(names)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local packed = redis.call('HGETALL', keys.causes)
    local rows = {}
    for i = 1, #packed, 2 do
        local ok, summary = pcall(cmsgpack.unpack, packed[i + 1])
        if ok and type(summary) == 'table' then
            rows[#rows + 1] = { cause = packed[i], summary = summary, number = tonumber(summary[1]) or 0 }
        end
    end
    table.sort(rows, function(a, b)
        if a.number ~= b.number then return a.number > b.number end
        return a.cause < b.cause
    end)
    local reply = {}
    for i = 1, math.min(#rows, CAUSES_MAX) do
        reply[#reply + 1] = rows[i].cause
        for j = 1, 5 do reply[#reply + 1] = tostring(rows[i].summary[j] or '') end
    end
    return reply
end

redis.register_function{ function_name = 'pond_causes', callback = causes, flags = { 'no-writes' } }
