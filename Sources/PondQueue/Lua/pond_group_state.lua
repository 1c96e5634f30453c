-- Says what people think of a group of the dead.
-- KEYS     1  the queue, mp:{q}
-- ARGV     1  the group   2  open, ignored or resolved   3  for ignored: until when, ms; 0 or '' for ever
-- returns  the state that it had before, or 'unknown'. A resolved group whose cause kills again is regressed.

local GROUP_STATES = { open = true, ignored = true, resolved = true }

local function group_state(names, args)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local group, until_ms = grouping.named({ [5] = args[1] }), whole_number((args[3] or '') ~= '' and args[3] or '0')
    if not group or not GROUP_STATES[args[2]] or not until_ms then
        return redis.error_reply('INVALID state: expected a group, open, ignored or resolved, and a time or nothing')
    end
    local summary = grouping.summary(keys, group)
    if not summary then return 'unknown' end
    local before = summary[8]
    summary[8], summary[9] = args[2], args[2] == 'ignored' and until_ms or 0
    grouping.write(keys, group, summary)
    return tostring(before)
end

redis.register_function{ function_name = 'pond_group_state', callback = group_state, flags = { 'allow-oom' } }
