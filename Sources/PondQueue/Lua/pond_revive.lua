-- Sends dead jobs back to their ready stream: attempts, recoveries and what was spent begin anew, the last error stays.
-- A dead compensation stays one.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1 …  ids (at most 256); before them may stand --force, which sends back children, too, whose parent saga does not
--               wait for them any more
-- returns  one text an id, in order: enqueued · unknown · refused TEXT

local function revive(names, args)
    if args[1] ~= '--force' then return send_back(names, args, {}) end
    table.remove(args, 1)
    return send_back(names, args, {}, true)
end

redis.register_function{ function_name = 'pond_revive', callback = revive }
