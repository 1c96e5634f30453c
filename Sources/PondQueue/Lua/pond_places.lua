-- Says which places a job can be in: the table that the library itself goes by.
-- KEYS     1  a queue, mp:{q}; it is the same for all
-- ARGV     none
-- returns  four texts a state: the state, as pond_job says it, or `new` for a job that is being added; what it is to the
--          job's key: queued, running or dead; the codes by which pond_export reads it; the states that a job may get into
--          from there, a space between, where `ended` is none of them

local function list_places(names)
    local keys, wrong_key = keys_of(names[1])
    if not keys then return wrong_key end
    local reply = { 'new', '', '', places.BEGINS }
    for i = 1, #places.STATES do
        local last, state = #reply, places.STATES[i]
        reply[last + 1], reply[last + 2], reply[last + 3], reply[last + 4]
            = state.name, state.key, places.CODES[state.name], state.moves
    end
    return reply
end

redis.register_function{ function_name = 'pond_places', callback = list_places, flags = { 'no-writes' } }
