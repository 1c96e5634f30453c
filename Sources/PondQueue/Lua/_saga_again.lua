-- Adds to: saga
-- Which steps of a saga that failed run again when somebody lets it go on.

-- What failed for good is to be tried again: a step runs again, a wait begins anew, an undo has all its tries again. Of a
-- saga that undoes no step is to run again, so none may be armed again either.
function saga.reopen_step(keys, id, name, step, is_undoing)
    if step.undo == 'x' then
        step.undo, step.undo_attempt = 'a', nil
    elseif is_undoing then
        return
    elseif step.state == 'f' and step.kind == 's' then
        -- What must not run twice may have happened; then a person is asked.
        step.state, step.ended = step.effect == 'o' and saga.has(step, 'd') and 'u' or 't', nil
        if step.undo == 's' then step.undo = 'a' end
    elseif step.state == 'f' then
        if step.kind == 'j' then redis.call('DEL', saga.joins.key(keys, id, name)) end
        return redis.call('HDEL', keys.saga .. id, 'step:' .. name)
    else
        return
    end
    saga.write_step(keys, id, name, step)
end

-- Whether the handler began another step when this one had ended.
local function is_past(steps, step)
    local ended = step.began + (step.ended or 0)
    for i = #steps, 1, -1 do
        local other = steps[i][2]
        if other.began > ended or (other.began == ended and other.seq > step.seq) then return true end
    end
    return false
end

local COMPARED_BYTES = 512   -- of texts that may have been cut

-- Whether a reason is this step's error, which is `cause: text` or a text alone.
local function tells_of(reason, failure)
    local text = string.match(failure or '', '^[a-z0-9_]+: (.*)$') or failure or ''
    text = string.sub(text, 1, COMPARED_BYTES)
    return text ~= '' and string.find(' ' .. reason, ' ' .. text, 1, true) ~= nil
end

-- The steps that a saga died of, as {name, step}: those that failed and that the handler did not go past. Those that it did go
-- past gave it its way: were they run again, it would do what it did instead of them, and them as well. Where it came back to
-- one of those (of two branches that run beside each other), that is the newest whose error is the reason.
local function died_of(steps, reason)
    local found, past, is_told = {}, nil, false
    for i = 1, #steps do
        local step = steps[i][2]
        local tells = step.state == 'f' and tells_of(reason, step.error)
        if step.state == 'f' and not is_past(steps, step) then
            found[#found + 1] = steps[i]
            is_told = is_told or tells
        elseif tells then
            past = steps[i]
        end
    end
    if past and not is_told then found[#found + 1] = past end
    return found
end

-- Lets the steps run again that a saga died of.
function saga.reopen_failed(keys, id, header, steps)
    local failed = died_of(steps, header.reason or '')
    for i = 1, #failed do saga.reopen_step(keys, id, failed[i][1], failed[i][2], false) end
end
