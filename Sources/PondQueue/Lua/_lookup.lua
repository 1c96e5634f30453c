-- Where a job is now.

local function found_at(keys, letter, entry)
    local ok, fields = pcall(entry_fields, keys[letter], entry)
    -- What is no stream and no entry holds no job; but a job that this user may not see is not nowhere.
    if not ok and is_forbidden(fields) then error(fields) end
    if not ok or not fields then return nil end
    local pending = redis.pcall('XPENDING', keys[letter], GROUP, entry, entry, 1)
    if is_error(pending) and is_forbidden(pending) then error(pending) end
    local owner = not is_error(pending) and pending[1] or nil
    return {
        letter = letter, entry = entry, fields = fields,
        owner = owner and owner[2] or nil, idle_ms = owner and owner[3] or 0,
    }
end

-- The ready or running job with this id, or nil. An id that was never moved names its own entry.
local function find_entry(keys, id)
    local pointer = redis.call('HGET', keys.moved, id)
    if pointer then return found_at(keys, string.sub(pointer, 1, 1), string.sub(pointer, 2)) end
    local entry, letter = string.match(id, '^(%d+%-%d+)([fhl]?)$')
    if not entry then return nil end
    if letter ~= '' then return found_at(keys, letter, entry) end
    -- A producer that appended to `ready:high` itself knows its job by the bare entry id.
    for _, candidate in ipairs({ 'n', 'h', 'l' }) do
        local found = found_at(keys, candidate, entry)
        local claimed = found and field(found.fields, 'id')
        if found and not (claimed and redis.call('HGET', keys.moved, claimed) == candidate .. entry) then return found end
    end
    return nil
end
