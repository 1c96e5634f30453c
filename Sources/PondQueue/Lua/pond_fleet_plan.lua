-- The leader says what every host should have, and why.
-- KEYS     1  the fleet, mp:fleet:{name}
-- ARGV     1  host   2  its token   3  plan (JSON)   4  what the law remembers (JSON), for the next leader
--          5 …  a queue and a decision about it that is worth keeping (JSON), for each
-- returns  'ok', or 'lost' when another host leads or has led since; then nothing was written

local function fleet_plan(names, args)
    local keys, wrong_key = fleet_keys(names[1])
    if not keys then return wrong_key end
    local token = whole_number(args[2])
    if not token or #args < 4 or #args[3] > FLEET_PLAN_BYTES_MAX or #args[4] > FLEET_PLAN_BYTES_MAX then
        return redis.error_reply('INVALID fleet plan: expected a host, its token, and a plan and a memory of at most '
            .. FLEET_PLAN_BYTES_MAX .. ' bytes')
    end
    local leader, current = lead_of(keys, now_ms())
    if leader ~= args[1] or current ~= token then return 'lost' end
    redis.call('SET', keys.plan, args[3])
    redis.call('SET', keys.memory, args[4])
    for i = 5, #args - 1, 2 do
        redis.pcall('XADD', keys.decisions, 'MAXLEN', '~', FLEET_DECISIONS_MAX, '*', 'queue', args[i], 'decision', args[i + 1])
    end
    return 'ok'
end

redis.register_function{ function_name = 'pond_fleet_plan', callback = fleet_plan }
