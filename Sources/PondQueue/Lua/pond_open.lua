-- Makes a queue's streams and groups, where they are missing. A group begins at 0, so nothing added before is passed by.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  how long a key of a done job answers for it, ms; 0 when another store remembers; none or '' leaves it
-- returns  {code, error text, code, error text, …} of the streams that cannot be used; empty when all is well

local function open(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    redis.pcall('HSETNX', keys.meta, 'format', int(FORMAT))
    local window = args[1] and args[1] ~= '' and whole_number(args[1])
    if window then redis.pcall('HSET', keys.meta, 'key_window_ms', int(window)) end
    local faults = {}
    local function ensure(code, key)
        local failed = ensure_group(key)
        if failed then faults[#faults + 1], faults[#faults + 2] = code, key .. ': ' .. failed end
    end
    for i = 1, #CODES do ensure(CODES[i], keys[CODES[i]]) end
    ensure('b', keys.bell)
    return faults
end

redis.register_function{ function_name = 'pond_open', callback = open, flags = { 'allow-oom' } }
