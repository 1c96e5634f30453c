-- A worker that has settled everything says goodbye, so that nobody waits for its beat.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  consumer   2  a bell entry to put away, or ''
-- returns  'left', or 'busy' when it still owns entries (then its lease runs out and others take them over)

local function leave(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    if not args[1] then return redis.error_reply('INVALID leave: expected a consumer') end
    if args[2] and args[2] ~= '' then forget_entries(keys.bell, { args[2] }) end
    return remove_consumer(keys, args[1]) and 'left' or 'busy'
end

redis.register_function{ function_name = 'pond_leave', callback = leave, flags = { 'allow-oom' } }
