-- What a consumer has in flight by Redis' account, so that a worker finds entries whose delivery never reached it.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer
-- returns  {code, entry, code, entry, …}; a bell is code `b`

local OWNED_MAX = 4096

local function owned(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local reply = {}
    local function add(code, key)
        local pending = redis.pcall('XPENDING', key, GROUP, '-', '+', OWNED_MAX, args[1] or '')
        if is_error(pending) then return end
        for i = 1, #pending do reply[#reply + 1], reply[#reply + 2] = code, pending[i][1] end
    end
    for i = 1, #CODES do add(CODES[i], keys[CODES[i]]) end
    add('b', keys.bell)
    return reply
end

redis.register_function{ function_name = 'pond_owned', callback = owned, flags = { 'no-writes' } }
